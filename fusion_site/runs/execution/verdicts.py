"""A verdict as rows keep it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fusion_site.engine.events import AnswerKey


def verdict_with_ids(verdict: dict[str, Any], id_of: Callable[[AnswerKey], str]) -> dict[str, Any]:
    """Put answer ids where the engine names answers by round and member, and give what every database takes."""
    winner = verdict.get("winner")
    candidates = [{**c, "answer": id_of(AnswerKey(*c["answer"]))} for c in verdict["candidates"]]
    won = id_of(AnswerKey(*winner)) if winner is not None else None
    found: dict[str, Any] = _storable({**verdict, "winner": won, "candidates": candidates})
    return found


def _storable(value: Any) -> Any:
    """Give JSON that every database takes: a judge may write NUL or half a surrogate pair by escape."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list | tuple) else value
