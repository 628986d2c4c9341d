"""A chat completion as the OpenAI API has it, whole or in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fusion_site.api.openai.ending import Ending
from fusion_site.runs.tokens import Tokens


class Chunks:
    """The chunks of one completion. `model` is the id as it was asked for."""

    def __init__(self, run: str, created: int, model: str, *, with_usage: bool) -> None:
        self.id, self.created, self.model = f"chatcmpl-{run}", created, model
        self._with_usage = with_usage
        self._is_begun = False

    def of(self, text: str) -> Iterator[dict[str, Any]]:
        """Give the chunk of the next part of the text, if there is one; before the first one stands whose turn it is."""
        if text:
            yield from self._begin()
            yield self._chunk({"content": text})

    def last(self, ending: Ending) -> Iterator[dict[str, Any]]:
        """Give what comes after the text: why it ends, with `fusion`, and the usage where it is wanted."""
        yield from self._begin()
        yield {**self._chunk({}, finish_reason(ending)), "fusion": ending.fusion}
        if self._with_usage:
            yield {**self._chunk({}), "choices": [], "usage": usage(ending.tokens)}

    def _begin(self) -> Iterator[dict[str, Any]]:
        if not self._is_begun:
            self._is_begun = True
            yield self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            **({"usage": None} if self._with_usage else {}),
        }


def completion(chunks: Chunks, ending: Ending) -> dict[str, Any]:
    """Give the whole completion."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": ending.text,
        "refusal": None,
        "annotations": [],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(ending)}
    return {
        "id": chunks.id,
        "object": "chat.completion",
        "created": chunks.created,
        "model": chunks.model,
        "choices": [choice],
        "usage": usage(ending.tokens),
        "fusion": ending.fusion,
    }


def finish_reason(ending: Ending) -> str:
    """Give why the text ends: `length` where it is an answer that was cut off."""
    return "length" if ending.is_cut else "stop"


def usage(tokens: Tokens) -> dict[str, Any] | None:
    """Give the tokens of all calls; None where no server told of any: a client's type has no unknown number in it."""
    if tokens.prompt is None or tokens.completion is None:
        return None
    told: dict[str, Any] = {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": tokens.prompt + tokens.completion,
    }
    if tokens.cached is not None:
        told["prompt_tokens_details"] = {"cached_tokens": tokens.cached}
    if tokens.reasoning is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": tokens.reasoning}
    return told
