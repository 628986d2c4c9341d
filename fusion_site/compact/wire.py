"""The OpenAI chat API as this host speaks it: what a request may hold, and the bodies that go back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fusion_site.compact.failures import bad_request
from fusion_site.compact.generation import Ending
from fusion_site.compact.grammar import ANY_OBJECT
from fusion_site.compact.modelthread import Hosted
from fusion_site.compact.template import Message

Stop = Annotated[str, Field(min_length=1)]


class TextPart(BaseModel):
    """One part of a message; pictures and sound are refused."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None

    def message(self) -> Message:
        """The turn in the words that chat templates know."""
        role = "system" if self.role == "developer" else self.role
        parts = (
            self.content
            if isinstance(self.content, list)
            else [TextPart(type="text", text=self.content or "")]
        )
        return Message(role, "".join(part.text for part in parts))


class StreamOptions(BaseModel):
    """Extras of a streamed answer."""

    include_usage: bool = False


class JsonSchema(BaseModel):
    """A schema that the answer must obey."""

    name: str = ""
    schema_: dict[str, Any] = Field(alias="schema")


class ResponseFormat(BaseModel):
    """Free text, any JSON object, or JSON by a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    def required_schema(self) -> dict[str, Any] | None:
        """The schema to enforce, None for free text."""
        if self.type == "json_schema" and self.json_schema is None:
            raise bad_request(
                "response_format of type json_schema needs json_schema.schema", "response_format"
            )
        if self.type == "text":
            return None
        return self.json_schema.schema_ if self.type == "json_schema" and self.json_schema else ANY_OBJECT


class ChatRequest(BaseModel):
    """The body of `POST /v1/chat/completions`; unknown fields are ignored, known ones that cannot be served are refused.

    `top_k`, `min_p` and `repeat_penalty` extend the API as llama.cpp's server does. `max_tokens` 0 reads the prompt into
    memory and writes nothing, so that a later request with the same beginning starts at once. Whoever waits is served in turn
    with those of another `user`.
    """

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=0)
    max_completion_tokens: int | None = Field(None, ge=0)
    temperature: float | None = Field(None, ge=0, le=5)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0)
    min_p: float | None = Field(None, ge=0, le=1)
    repeat_penalty: float | None = Field(None, gt=0, le=10)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    seed: int | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    logit_bias: dict[int, Annotated[float, Field(ge=-100, le=100)]] | None = Field(None, max_length=1024)
    response_format: ResponseFormat | None = None
    user: str | None = Field(None, max_length=256)
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None

    @property
    def most_tokens(self) -> int | None:
        """The asked-for limit on new tokens; the newer field wins."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def stops(self) -> list[str]:
        """Stop strings as a list."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


def parse(body: bytes) -> ChatRequest:
    """The request in `body`, or a 400 that names the first wrong field."""
    try:
        return ChatRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise bad_request(f"{place}: {first['msg']}" if place else first["msg"], place or None) from error


def usage(ending: Ending) -> dict[str, Any]:
    """Token counts; `cached_tokens` of the prompt were in memory already."""
    return {
        "prompt_tokens": ending.prompt_tokens,
        "completion_tokens": ending.completion_tokens,
        "total_tokens": ending.prompt_tokens + ending.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": ending.cached_tokens},
    }


def completion(head: Mapping[str, Any], text: str, ending: Ending) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": ending.reason,
    }
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage(ending)}


def chunk(head: Mapping[str, Any], delta: Mapping[str, str], reason: str | None = None) -> dict[str, Any]:
    """One piece of a streamed answer."""
    choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": reason}
    return {**head, "object": "chat.completion.chunk", "choices": [choice]}


def usage_chunk(head: Mapping[str, Any], ending: Ending) -> dict[str, Any]:
    """The last piece of a streamed answer whose reader asked for usage."""
    return {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage(ending)}


def event(body: Mapping[str, Any]) -> bytes:
    """`body` as one server-sent event; all but ASCII is escaped, since some readers take U+2028 for a line's end."""
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


def model_list(hosted: Hosted) -> dict[str, Any]:
    """The body of `GET /v1/models`; `n_ctx` is the most tokens of one prompt with its answer."""
    facts = hosted.model.facts
    meta = {
        "n_ctx": hosted.context.window,
        "n_ctx_train": facts.trained_context,
        "n_params": facts.parameters,
        "n_vocab": facts.vocabulary,
        "size": facts.size,
        "description": facts.description,
        "slots": hosted.options.slots,
        "cells": hosted.context.cells,
        "chat_template": "setting" if facts.set_template else "file" if facts.own_template else "chatml",
    }
    model = {
        "id": facts.id,
        "object": "model",
        "created": facts.created,
        "owned_by": "compact",
        "context_length": hosted.context.window,
        "meta": meta,
    }
    return {"object": "list", "data": [model]}
