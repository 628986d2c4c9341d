"""The request that one ask becomes: its headers and its JSON body."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fusion_site.engine.asking import Ask, AskError, ErrorKind, Message, Picture, Sampling, ends_with_user
from fusion_site.engine.schema import BOUNDS, Schema, without
from fusion_site.providers.endpoint import AskFailed, Endpoint
from fusion_site.providers.quirks import Quirks
from fusion_site.providers.shapes import storable

DEFAULT_MAX_TOKENS = 4096
KEY = re.compile(r"[\x21-\x7e]+")
PLAIN_SETTINGS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
)

# Families that cache a prompt only where a mark says so, and the least length at which that pays
# (Anthropic caches from 1024 tokens on; writing to the cache costs a quarter more).
MARKED_CACHES = ("anthropic/", "qwen/")
MARK_FROM_CHARACTERS = 6000

# Only endpoints that keep nothing, and none that may collect data: the one does not imply the other.
ZERO_RETENTION: Mapping[str, object] = {"zdr": True, "data_collection": "deny"}


@dataclass(frozen=True, slots=True)
class Attribution:
    """How this site names itself to OpenRouter; without a URL nothing is attributed there."""

    url: str | None = None
    title: str = "Fusion"


def check_ask(ask: Ask, endpoint: Endpoint) -> None:
    """Refuse what no server should be asked. Raises AskFailed, kind bad_request."""
    if not ends_with_user(ask.messages):
        raise _refused("The conversation must end with a user's message.")
    if gone := next((p for m in ask.messages for p in m.pictures if not p.data), None):
        raise _refused(f"The picture “{gone.name}” is no longer kept, so that nobody can be shown it.")
    if endpoint.kind == "openrouter" and ask.model.model.startswith("openrouter/fusion"):
        raise _refused(
            "openrouter/fusion asks and bills a panel of models of its own; choose its members instead."
        )


def headers_for(endpoint: Endpoint, attribution: Attribution) -> dict[str, str]:
    """Give the headers for any request to `endpoint`. Raises AskFailed for a key that no header can carry."""
    headers = {}
    if endpoint.api_key:
        # h11 would refuse such a key with a message that repeats it.
        if not KEY.fullmatch(endpoint.api_key):
            message = (
                "The API key has characters that no key has, such as spaces or line breaks. Paste it again."
            )
            raise AskFailed(AskError(ErrorKind.AUTH, message))
        headers["authorization"] = f"Bearer {endpoint.api_key}"
    if endpoint.kind == "openrouter" and attribution.url:
        headers["http-referer"] = attribution.url
        headers["x-openrouter-title"] = attribution.title
    return headers


def payload_for(ask: Ask, endpoint: Endpoint, quirks: Quirks) -> dict[str, object]:
    """Give the body of the chat completion: always streamed, always with a bound on the tokens."""
    bound = ask.sampling.max_tokens
    payload: dict[str, object] = {
        "model": ask.model.model,
        "messages": [_message(message, ask.model.model, endpoint) for message in ask.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": DEFAULT_MAX_TOKENS if bound is None else bound,
    }
    payload |= _settings(ask.sampling, endpoint)
    if endpoint.kind == "compact" and endpoint.party:
        payload["user"] = endpoint.party
    if ask.json_schema is not None:
        payload["response_format"] = _response_format(ask.json_schema, endpoint)
    fitted = quirks.fit(payload)
    return fitted | _routing(ask, fitted, endpoint)


def _response_format(schema: Schema, endpoint: Endpoint) -> dict[str, object]:
    """A schema that is to be obeyed; what a text may hold at most is left out where a server could refuse it all for that."""
    known = schema if endpoint.kind == "compact" else without(schema, BOUNDS)
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": known}}


def _settings(sampling: Sampling, endpoint: Endpoint) -> dict[str, object]:
    """Only what was set: the rest is the server's choice."""
    values = {name: getattr(sampling, name) for name in PLAIN_SETTINGS}
    settings: dict[str, object] = {name: value for name, value in values.items() if value is not None}
    if sampling.stop:
        settings["stop"] = list(sampling.stop)
    if effort := sampling.reasoning_effort:
        openrouter = endpoint.kind == "openrouter"
        settings |= {"reasoning": {"effort": effort}} if openrouter else {"reasoning_effort": effort}
    return settings


def _message(message: Message, model: str, endpoint: Endpoint) -> dict[str, object]:
    content: object = storable(message.content)
    if message.pictures:
        text = {"type": "text", "text": content}
        return {"role": message.role, "content": [text, *map(_picture, message.pictures)]}
    marked = endpoint.kind == "openrouter" and model.startswith(MARKED_CACHES)
    if marked and message.role == "system" and len(message.content) >= MARK_FROM_CHARACTERS:
        content = [{"type": "text", "text": content, "cache_control": {"type": "ephemeral"}}]
    return {"role": message.role, "content": content}


def _picture(picture: Picture) -> dict[str, object]:
    """The content part of a picture as the OpenAI API has it, with its bytes inside: no server fetches them from here."""
    url = f"data:{picture.kind};base64,{base64.b64encode(picture.data).decode('ascii')}"
    return {"type": "image_url", "image_url": {"url": url}}


def _routing(ask: Ask, payload: Mapping[str, object], endpoint: Endpoint) -> dict[str, object]:
    """OpenRouter's `provider`. A schema is enforced by some of a model's providers only: route to those.

    Zero retention is put in after every quirk and whatever the connection says: no retry goes without it.
    """
    if endpoint.kind != "openrouter":
        return {}
    routing = dict(endpoint.routing or {})
    if "response_format" in payload:
        routing.setdefault("require_parameters", True)
    if ask.zero_retention:
        routing |= ZERO_RETENTION
    return {"provider": routing} if routing else {}


def _refused(message: str) -> AskFailed:
    return AskFailed(AskError(ErrorKind.BAD_REQUEST, message))
