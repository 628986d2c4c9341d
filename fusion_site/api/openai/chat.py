"""`POST /v1/chat/completions`: one conversation through a preset, answered as one model would."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from fusion_site.api.doors import Caller
from fusion_site.api.openai.asking import Asked, ask, key_of, streamed, variables_in
from fusion_site.api.openai.chat_shapes import Chunks, completion
from fusion_site.api.openai.doors import body_of, door, said
from fusion_site.api.openai.naming import preset_named
from fusion_site.api.openai.parameters import Rules, check, flag, inside, sampling_in
from fusion_site.api.openai.plugin import ad_hoc_in, asks_ad_hoc, rules_with_plugin
from fusion_site.api.openai.refusals import invalid, refused_by, unsupported
from fusion_site.api.openai.turns import messages_in
from fusion_site.engine.settings import Mode
from fusion_site.runs.flows.start import Order

RULES = Rules(
    own=frozenset({"model", "messages", "stream", "stream_options", "fusion"}),
    sampling={
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "min_p": "min_p",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
        "max_tokens": "max_tokens",
        "max_completion_tokens": "max_tokens",
        "seed": "seed",
        "stop": "stop",
        "reasoning_effort": "reasoning_effort",
    },
    only={
        "n": [1],
        "service_tier": ["auto", "default"],
        "modalities": [["text"]],
        "response_format": [{"type": "text"}],
        "verbosity": ["medium"],
        "parallel_tool_calls": [True, False],
    },
    empty=frozenset(
        {
            "tools",
            "tool_choice",
            "functions",
            "function_call",
            "plugins",
            "logprobs",
            "top_logprobs",
            "logit_bias",
        }
    ),
)


@door("POST")
async def complete(request: HttpRequest, caller: Caller) -> HttpResponseBase:
    """Ask the preset that `model` names, or the models that a plugin does. Raises Refused, and what starting a run does."""
    given = body_of(request)
    is_streamed, with_usage = _is_streamed(given)
    asked = await ask(request, caller, lambda: _order(given, caller, key_of(request)))
    chunks = Chunks(asked.id, asked.created, _model(given, asked), with_usage=with_usage)
    if is_streamed:
        return streamed(_stream(request, asked, chunks))
    return said(completion(chunks, await asked.answered()))


def _order(given: Mapping[str, Any], caller: Caller, key: str | None) -> Order:
    if asks_ad_hoc(given):
        return _ad_hoc_order(given, caller, key)
    preset, mode = preset_named(given.get("model"), caller.token.team_id)
    check(given, RULES)
    return Order(
        preset,
        messages=messages_in(given),
        variables=variables_in(given),
        mode=mode,
        guided=False,  # nobody is there to choose
        idempotency_key=key,
        sampling=sampling_in(given, RULES, mode or Mode(preset.mode)),
    )


def _ad_hoc_order(given: Mapping[str, Any], caller: Caller, key: str | None) -> Order:
    rules = rules_with_plugin(RULES)
    check(given, rules)
    return Order(
        ad_hoc_in(given, caller.membership),
        messages=messages_in(given),
        idempotency_key=key,
        sampling=sampling_in(given, rules, Mode.MERGE),
    )


def _model(given: Mapping[str, Any], asked: Asked) -> str:
    """Give what the answer calls its model: as it was asked for, or who wrote it where the models were named one by one."""
    judge: str = asked.telling.run.settings["judge"]["model"]["model"]
    return judge if asks_ad_hoc(given) else given["model"]


def _is_streamed(given: Mapping[str, Any]) -> tuple[bool, bool]:
    """Give whether the answer is wanted as a stream, and whether its end tells the usage. Raises Refused."""
    is_streamed, options = flag(given, "stream"), inside(given, "stream_options")
    if options and not is_streamed:
        raise invalid("'stream_options' is only allowed when 'stream' is true.", "stream_options")
    for name in options.keys() - {"include_usage"}:
        if name != "include_obfuscation" or options[name]:
            raise unsupported(f"stream_options.{name}")
    return is_streamed, flag(options, "include_usage")


async def _stream(request: HttpRequest, asked: Asked, chunks: Chunks) -> AsyncGenerator[bytes, None]:
    """Yield the chunks. What fails from here on is an error event, and no [DONE] follows it: that says it is whole."""
    try:
        async with aclosing(asked.spoken(lambda news: events(chunks.of(news.text)))) as spoken:
            async for piece in spoken:
                yield piece
        yield events(chunks.last(await asked.ending()))
        yield b"data: [DONE]\n\n"
    except Exception as error:
        yield events([refused_by(error, request).body])


def events(chunks: Iterable[dict[str, Any]]) -> bytes:
    """Give the chunks as events of the stream."""
    return b"".join(b"data: %b\n\n" % orjson.dumps(chunk) for chunk in chunks)
