"""The OpenAI chat API as the scripts speak it: what a request holds, and the bodies that go back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fusion_site.rehearsal.failing import Refusal


class Part(BaseModel):
    """One part of a turn; only text is understood."""

    type: Literal["text"]
    text: str


class Turn(BaseModel):
    """One turn of the conversation; `content` is plain text, also where it was sent in parts."""

    role: Literal["system", "developer", "user", "assistant"]
    parts: str | list[Part] | None = Field(None, alias="content")

    @property
    def content(self) -> str:
        """The text of the turn."""
        return "".join(part.text for part in self.parts) if isinstance(self.parts, list) else self.parts or ""


class StreamOptions(BaseModel):
    """Extras of a streamed answer."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """The body of a chat request. How to sample is not asked of a script, so such fields are ignored."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[Turn] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    seed: int | None = None

    @property
    def limit(self) -> int | None:
        """How many tokens may be written, by the newer field if both are there."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def system(self) -> str:
        """All system turns as one text."""
        return "\n\n".join(turn.content for turn in self.messages if turn.role in ("system", "developer"))

    @property
    def prompt(self) -> str:
        """The last user turn."""
        return next((turn.content for turn in reversed(self.messages) if turn.role == "user"), "")

    @property
    def wants_usage(self) -> bool:
        """Whether a streamed answer ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage


def parse(body: bytes) -> ChatRequest:
    """Read a request body; raises Refusal, naming the first thing that is wrong with it."""
    try:
        return ChatRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Refusal(400, "invalid_request_error", None, f"{place or 'The body'}: {first['msg']}.") from None


def event(data: object) -> bytes:
    """One event of a stream."""
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


DONE = b"data: [DONE]\n\n"


def chunk(head: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One piece of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**head, "object": "chat.completion.chunk", "choices": [choice]}


def usage_chunk(head: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """The chunk that carries the usage, after the one that ended the answer."""
    return {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}


def completion(
    head: Mapping[str, Any], message: Mapping[str, Any], finish: str, usage: Mapping[str, Any]
) -> dict[str, Any]:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}


def usage(prompt: int, written: int, reasoning: int) -> dict[str, Any]:
    """What was read and written, in tokens; reasoning is part of what was written. Scripts cost nothing."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
        "cost": 0,
    }
