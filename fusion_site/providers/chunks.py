"""Picking text, reasoning, usage and cost out of one chat-completion chunk or message, in every known shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from fusion_site.engine.asking import Usage
from fusion_site.providers.shapes import as_amount, as_count, as_dict, as_list, as_text

REDACTED = "[REDACTED]"


def text_of(delta: Mapping[str, Any]) -> str:
    """Give the visible text of a delta or message; Mistral sends it as an array of parts."""
    content = delta.get("content")
    if isinstance(content, str) and content:
        return content
    if isinstance(content, list):
        return "".join(_part_text(part) for part in content)
    if details := delta.get("reasoning_details"):
        # Some models behind OpenRouter put visible text here, and nothing in `content`.
        return "".join(as_text(item.get("text")) for item in _typed(details, "response.output_text", "text"))
    return ""


def reasoning_of(delta: Mapping[str, Any]) -> str:
    """Give the reasoning of a delta or message from whichever field holds it, never from two."""
    for field in ("reasoning", "reasoning_content"):
        value = delta.get(field)
        if isinstance(value, str) and value:
            return "" if value == REDACTED else value
    if details := delta.get("reasoning_details"):
        return _details_reasoning(details)
    content = delta.get("content")
    return "".join(_thinking(part) for part in content) if isinstance(content, list) else ""


def usage_of(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """Give the usage object of a chunk, at its top or where Groq puts it; empty if there is none."""
    return as_dict(chunk.get("usage")) or as_dict(as_dict(chunk.get("x_groq")).get("usage"))


def read_usage(usage: Mapping[str, Any], known: Usage) -> Usage:
    """Give `known` with the counts that `usage` states; what it leaves out stays as it was."""
    prompt = as_dict(usage.get("prompt_tokens_details"))
    completion = as_dict(usage.get("completion_tokens_details"))
    counts = {
        "prompt_tokens": as_count(usage.get("prompt_tokens")),
        "completion_tokens": as_count(usage.get("completion_tokens")),
        "reasoning_tokens": as_count(completion.get("reasoning_tokens")),
        "cached_tokens": as_count(prompt.get("cached_tokens")),
    }
    return replace(known, **{name: count for name, count in counts.items() if count is not None})


def read_cost(usage: Mapping[str, Any]) -> Decimal | None:
    """Give what the call cost in USD, if `usage` states it.

    With a key of one's own behind OpenRouter (`is_byok`), `cost` is its fee alone and the provider's bill comes
    on top; where that part is not stated, the cost is unknown.
    """
    cost = as_amount(usage.get("cost"))
    if cost is None or usage.get("is_byok") is not True:
        return cost
    upstream = as_amount(as_dict(usage.get("cost_details")).get("upstream_inference_cost"))
    return None if upstream is None else cost + upstream


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    fields = as_dict(part)
    return as_text(fields.get("text")) if fields.get("type") in ("text", "output_text") else ""


def _thinking(part: object) -> str:
    fields = as_dict(part)
    if fields.get("type") != "thinking":
        return ""
    inner = fields.get("thinking")
    return inner if isinstance(inner, str) else "".join(_part_text(item) for item in as_list(inner))


def _typed(details: object, *types: str) -> list[dict[str, Any]]:
    return [item for item in map(as_dict, as_list(details)) if item.get("type") in types]


def _details_reasoning(details: object) -> str:
    items = _typed(details, "reasoning.text", "reasoning.summary")
    pieces = (as_text(item.get("text")) or as_text(item.get("summary")) for item in items)
    return "".join(piece for piece in pieces if piece != REDACTED)
