"""A verdict as rows and events keep it: with the ids of answers, and nothing in it that a database refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fusion_site.engine.candidates import MERGED_KEY, Shown
from fusion_site.engine.results import AnswerKey

IdOf = Callable[[AnswerKey], str]


def stored_verdict(verdict: dict[str, Any], id_of: IdOf) -> dict[str, Any]:
    """Put answer ids where the engine names answers by round and member."""

    def named(key: Sequence[int]) -> str:
        return id_of(AnswerKey(*key))

    winner = verdict.get("winner")
    found = {
        **verdict,
        "winner": named(winner) if winner is not None else None,
        "candidates": [{**c, "answer": named(c["answer"])} for c in verdict["candidates"]],
    }
    if "moves" in verdict:
        moves = verdict["moves"]
        found["moves"] = [
            {**m, "answer": named(m["answer"]), "quotes": [named(q) for q in m["quotes"]]} for m in moves
        ]
    kept: dict[str, Any] = storable(found)
    return kept


def shown_json(shown: Iterable[Shown], id_of: IdOf) -> list[dict[str, Any]]:
    """Give whom a judge was shown under which letter, in order; no answer stands for what was merged."""
    return [
        {
            "label": each.letter,
            "answer": None if each.key == MERGED_KEY else id_of(each.key),
            "clipped": each.clipped,
        }
        for each in shown
    ]


def storable(value: Any) -> Any:
    """Give JSON that every database takes: a judge may write NUL or half a surrogate pair by escape."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list | tuple) else value
