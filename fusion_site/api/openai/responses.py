"""`POST /v1/responses`: the same as chat completions in the newer form, for text, with the fusion told as it goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from fusion_site.api.doors import Caller
from fusion_site.api.openai.asking import Asked, ask, key_of, streamed, variables_in
from fusion_site.api.openai.doors import body_of, door, said
from fusion_site.api.openai.fusion_call import ITEM, FusionCall
from fusion_site.api.openai.naming import preset_named
from fusion_site.api.openai.parameters import Rules, check, check_told_again, flag, inside, sampling_in
from fusion_site.api.openai.refusals import Refused, invalid, refused_by, unsupported
from fusion_site.api.openai.response_shapes import KEPT, Reply, wants_fusion
from fusion_site.api.openai.stored import response_now, run_of
from fusion_site.api.openai.turns import ending_with_user, message_in, numbered
from fusion_site.engine.asking import Message
from fusion_site.engine.settings import Mode
from fusion_site.ops.querying import query
from fusion_site.runs.flows.start import Order
from fusion_site.runs.models import Run

RULES = Rules(
    own=frozenset(
        {
            "model",
            "input",
            "instructions",
            "previous_response_id",
            "stream",
            "reasoning",
            "text",
            "tools",
            "tool_choice",
            "background",
            "fusion",
        }
    ),
    sampling={
        "temperature": "temperature",
        "top_p": "top_p",
        "max_output_tokens": "max_tokens",
        "reasoning.effort": "reasoning_effort",
    },
    only={
        "service_tier": ["auto", "default"],
        "truncation": ["disabled"],
        "parallel_tool_calls": [True, False],
        "store": [True],
        "stream_options": [{}, {"include_obfuscation": False}],
    },
    empty=frozenset({"include", "top_logprobs"}),
)
_PLAIN_TEXT: list[object] = [{"type": "text"}]
ONE_TURN = "With 'previous_response_id' the input is the user's next turn alone: what was said before is in the run that it names."


@door("POST")
async def respond(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """Ask the preset that `model` names. Raises Refused, and what starting a run does."""
    given = body_of(request)
    is_streamed, is_background = flag(given, "stream"), flag(given, "background")
    if is_streamed and is_background:
        raise unsupported(
            "background", "It is not streamed as well: read the response again, or follow its run."
        )
    asked = await ask(
        request,
        caller,
        lambda: _order(given, caller.token.team_id, key_of(request)),
        kept={name: given[name] for name in KEPT if name in given},
    )
    reply = Reply(asked, given, FusionCall(asked.telling.run) if wants_fusion(given) else None)
    if is_streamed:
        return streamed(_stream(request, asked, reply))
    if is_background:
        return said(await query(response_now, asked))
    return said(reply.whole(await asked.answered()))


def _order(given: Mapping[str, Any], team: str, key: str | None) -> Order:
    preset, mode = preset_named(given.get("model"), team)
    check(given, RULES)
    sampling = {**given, **_reasoning(given)}
    _check_text(given)
    _check_tools(given)
    check_told_again(given)
    after, messages = _run_before(given, team), _messages(given)
    if after and (len(messages) > 1 or "instructions" in given):
        raise invalid(ONE_TURN, "instructions" if "instructions" in given else "input")
    return Order(
        preset,
        prompt=messages[0].content if after else "",
        messages=() if after else messages,
        pictures=messages[0].pictures if after else (),
        variables=variables_in(given),
        mode=mode,
        guided=False,  # nobody is there to choose
        idempotency_key=key,
        after=after,
        sampling=sampling_in(sampling, RULES, mode or Mode(preset.mode)),
    )


def _messages(given: Mapping[str, Any]) -> list[Message]:
    """Give the conversation. Items of an earlier output may be sent back; what is told of a fusion is no turn of it."""
    told = given.get("input")
    items = [{"role": "user", "content": told}] if isinstance(told, str) else told
    if not isinstance(items, list) or not items:
        raise Refused(400, "'input' has to be text or a list of items.", param="input", code="invalid_value")
    turns = [(n, item) for n, item in enumerate(items) if _is_turn(item, f"input[{n}]")]
    messages = numbered([message_in(item, f"input[{n}]") for n, item in turns])
    instructions = given.get("instructions", "")
    if not isinstance(instructions, str):
        raise Refused(400, "'instructions' has to be text.", param="instructions", code="invalid_type")
    before = [Message("system", instructions)] if instructions else []
    return ending_with_user([*before, *messages], "input")


def _is_turn(item: object, at: str) -> bool:
    kind = item.get("type", "message") if isinstance(item, dict) else "message"
    if kind not in {"message", ITEM}:
        message = f"Unsupported value: '{at}.type' does not take {str(kind)[:40]!r} here."
        raise Refused(400, message, param=f"{at}.type", code="unsupported_value")
    return bool(kind == "message")


def _run_before(given: Mapping[str, Any], team: str) -> Run | None:
    named = given.get("previous_response_id")
    if named is None:
        return None
    run = run_of(named, team)
    if run is None:
        message = "There is no such previous response."
        raise Refused(400, message, param="previous_response_id", code="previous_response_not_found")
    return run


def _reasoning(given: Mapping[str, Any]) -> dict[str, Any]:
    reasoning = inside(given, "reasoning")
    for name in reasoning.keys() - {"effort"}:
        raise unsupported(f"reasoning.{name}")
    return {f"reasoning.{name}": value for name, value in reasoning.items()}


def _check_text(given: Mapping[str, Any]) -> None:
    text = inside(given, "text")
    if text.get("format", _PLAIN_TEXT[0]) not in _PLAIN_TEXT:
        message = "Unsupported value: 'text.format' takes plain text alone here."
        raise Refused(400, message, param="text.format", code="unsupported_value")
    for name in text.keys() - {"format"}:
        if (name, text[name]) != ("verbosity", "medium"):
            raise unsupported(f"text.{name}")


def _check_tools(given: Mapping[str, Any]) -> None:
    """Let only OpenRouter's own name for a fusion through: it has no settings here, where a preset has them all."""
    tools, choice = given.get("tools", []), given.get("tool_choice", "auto")
    known = [{"type": ITEM}, {"type": ITEM, "parameters": {}}]
    if tools and (not isinstance(tools, list) or len(tools) > 1 or tools[0] not in known):
        raise unsupported("tools", f"The one tool that is known is {{'type': '{ITEM}'}}, without parameters.")
    if choice not in ("auto", "none") and (not tools or choice not in ("required", {"type": ITEM})):
        raise unsupported("tool_choice")


async def _stream(request: HttpRequest, asked: Asked, reply: Reply) -> AsyncGenerator[bytes, None]:
    """Yield the events. A run that comes to nothing ends with `response.failed`."""
    try:
        yield events(reply.begun())
        async with aclosing(asked.spoken(lambda news: events(reply.more(news.text)))) as spoken:
            async for piece in spoken:
                yield piece
        yield events(reply.done(await asked.ending()))
    except Exception as error:
        yield events([reply.failed(refused_by(error, request))])


def events(told: Iterable[dict[str, Any]]) -> bytes:
    """Give events of the stream, each under its name."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), orjson.dumps(e)) for e in told)
