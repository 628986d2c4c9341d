"""A verdict as rows and events keep it: with the ids of answers, and nothing in it that a database refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fusion_site.engine.events import AnswerKey

IdOf = Callable[[AnswerKey], str]


def stored_verdict(verdict: dict[str, Any], id_of: IdOf) -> dict[str, Any]:
    """Put answer ids where the engine names answers by round and member."""

    def named(key: Sequence[int]) -> str:
        return id_of(AnswerKey(*key))

    winner = verdict.get("winner")
    candidates = [{**c, "answer": named(c["answer"])} for c in verdict["candidates"]]
    won = named(winner) if winner is not None else None
    found: dict[str, Any] = storable({**verdict, "winner": won, "candidates": candidates})
    return found


def storable(value: Any) -> Any:
    """Give JSON that every database takes: a judge may write NUL or half a surrogate pair by escape."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list | tuple) else value
