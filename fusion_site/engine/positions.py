"""Where the members stand: which of their answers count, and whether those agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fusion_site.engine.asking import Outcome
from fusion_site.engine.closed import final_answer, plurality
from fusion_site.engine.events import AnswerKey, AnswerResult


@dataclass(frozen=True, slots=True)
class Position:
    """Where a member stands: which answer of its holds the text, and after a debate why it moved, if it did."""

    key: AnswerKey
    text: str
    reason: str = ""
    truncated: bool = False


def is_usable(result: AnswerResult) -> bool:
    """Whether an answer is whole, so that it may win, vote and be merged."""
    return result.outcome is Outcome.COMPLETE and bool(result.text.strip())


def is_cut_short(result: AnswerResult) -> bool:
    """Whether an answer hit its length limit: it may be merged, but neither wins nor votes beside a whole one."""
    return result.outcome is Outcome.TRUNCATED and bool(result.text.strip())


def positions_of(answers: Mapping[AnswerKey, AnswerResult], *, merging: bool) -> list[Position]:
    """Give the answers that count, in pool order; cut ones only for a merge, or where nothing whole came."""
    ordered = [(key, answers[key]) for key in sorted(answers, key=lambda key: key.member)]
    with_cut = merging or not any(is_usable(result) for _, result in ordered)
    return [
        Position(key, result.text, truncated=is_cut_short(result))
        for key, result in ordered
        if is_usable(result) or (with_cut and is_cut_short(result))
    ]


def leading(positions: Sequence[Position]) -> tuple[list[Position], str | None]:
    """Give the positions with the most common final value, and that value where it is the only such one.

    No positions are given where some end in prose or were cut short: then there is nothing to count.
    """
    values = {p.key: final_answer(p.text) for p in positions if not p.truncated}
    known = {key: value for key, value in values.items() if value is not None}
    if not known or len(known) < len(positions):
        return [], None
    keys = plurality(known)
    found = {known[key] for key in keys}
    return [p for p in positions if p.key in keys], found.pop() if len(found) == 1 else None
