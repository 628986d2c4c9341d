"""The tokens of a run, over all calls of its members and its judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fusion_site.runs.models import Run


@dataclass(frozen=True, slots=True)
class Tokens:
    """The sums of what servers counted; None is unknown. `is_complete` says whether they told of every call."""

    prompt: int | None
    completion: int | None
    reasoning: int | None
    cached: int | None
    is_complete: bool


def tokens_of(run: Run) -> Tokens:
    """Give what is known so far. A call that was made more than once was counted the last time only."""
    answers = list(run.answers.values_list("usage", "attempt"))
    steps = list(run.steps.values_list("result", "attempt"))
    told = [usage or {} for usage, attempt in answers if attempt]
    told += [(result or {}).get("usage") or {} for result, _ in steps]
    is_counted = all(usage.get("prompt_tokens") is not None for usage in told)
    is_counted &= all(usage.get("completion_tokens") is not None for usage in told)
    return Tokens(
        _sum(told, "prompt_tokens"),
        _sum(told, "completion_tokens"),
        _sum(told, "reasoning_tokens"),
        _sum(told, "cached_tokens"),
        bool(told) and is_counted and all(attempt <= 1 for _, attempt in [*answers, *steps]),
    )


def _sum(told: Iterable[Mapping[str, Any]], name: str) -> int | None:
    known = [usage[name] for usage in told if usage.get(name) is not None]
    return sum(known) if known else None
