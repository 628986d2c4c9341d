"""Which members have no part in a fused answer, and why: as it was when that began, whatever became of them later."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Protocol

from fusion_site.engine.refusals import is_refusal
from fusion_site.pages.words import was_not_asked


class Told(Protocol):
    """What an answer is known by, in rows as in the state of a reader."""

    id: str
    round: int
    member: int
    outcome: str
    text: str
    error: dict[str, Any] | None
    total_ms: int | None


def missing_from(
    answers: Iterable[Told], used: Collection[str], late: Collection[str]
) -> list[dict[str, Any]]:
    """Give the members whose answers were not `used`, in pool order: `{answer, why, kind, ms}`.

    `why` is how the answer ended, `not_asked` where rules of this site forbade to ask, `late` where it was not in by then, `refused`, or `left_out` where it was looked at and
    not taken. `kind` is that of an error; `ms` are the milliseconds for which it was asked, None if unknown.
    """
    known = list(answers)
    present = {answer.member for answer in known if answer.id in used}
    firsts = sorted((a for a in known if not a.round), key=lambda answer: answer.member)
    return [_missing(a, is_late=a.id in late) for a in firsts if a.member not in present]


def _missing(answer: Told, *, is_late: bool) -> dict[str, Any]:
    return {
        "answer": answer.id,
        "why": "late" if is_late or not answer.outcome else _why(answer),
        "kind": answer.error["kind"] if answer.error else None,
        "ms": answer.total_ms,
    }


def _why(answer: Told) -> str:
    if was_not_asked(answer.error):
        return "not_asked"
    if answer.outcome != "complete":
        return answer.outcome
    if not answer.text.strip():
        return "empty"
    return "refused" if is_refusal(answer.text) else "left_out"
