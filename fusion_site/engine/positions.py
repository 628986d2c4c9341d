"""Where the members stand: which of their answers count, and whether those agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from fusion_site.engine.asking import Outcome
from fusion_site.engine.closed import final_answer, most_common
from fusion_site.engine.refusals import is_refusal
from fusion_site.engine.results import AnswerKey, AnswerResult

Answers = dict[AnswerKey, AnswerResult]
# The family of each member's model, by the member's index.
Families = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a member stands: which answer of its holds the text, and after a debate why it moved, if it did."""

    key: AnswerKey
    text: str
    reason: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """How the whole answers divide: `front` holds the value with the most votes, `value` it, unless several have as many.

    Nothing is counted where some end in prose: `front` is empty then. The answers of one family have one vote together.
    """

    voters: int
    front: tuple[Position, ...] = ()
    value: str | None = None

    @property
    def is_tie(self) -> bool:
        """Whether several values are held by as many."""
        return bool(self.front) and self.value is None

    @property
    def is_plurality(self) -> bool:
        """Whether at least two agree, and no other value has as many."""
        return self.value is not None and len(self.front) >= 2

    @property
    def is_agreed(self) -> bool:
        """Whether all that are whole end in the same value, be it one answer alone."""
        return self.value is not None and len(self.front) == self.voters

    @property
    def is_unanimous(self) -> bool:
        """Whether at least two are whole, and all of them agree."""
        return self.is_plurality and self.is_agreed


def is_usable(result: AnswerResult) -> bool:
    """Whether an answer is whole, so that it may win, vote and be merged."""
    return result.outcome is Outcome.COMPLETE and bool(result.text.strip())


def is_cut_short(result: AnswerResult) -> bool:
    """Whether an answer hit its length limit: it may be merged, but neither wins nor votes beside a whole one."""
    return result.outcome is Outcome.TRUNCATED and bool(result.text.strip())


def position_of(key: AnswerKey, result: AnswerResult) -> Position:
    """Give the position of a member that stands by its first answer."""
    return Position(key, result.text, truncated=is_cut_short(result))


def is_answer(result: AnswerResult) -> bool:
    """Whether an answer is whole and no refusal, so that it counts for the quorum: a refusal is written in no time."""
    return is_usable(result) and not is_refusal(result.text)


def positions_of(answers: Mapping[AnswerKey, AnswerResult], *, merging: bool) -> list[Position]:
    """Give the answers that count, in pool order; cut ones only for a merge, or where nothing whole came.

    Refusals count only where most of the whole answers refuse.
    """
    ordered = [(key, answers[key]) for key in sorted(answers, key=lambda key: key.member)]
    whole = [(key, result) for key, result in ordered if is_usable(result)]
    refused = {key for key, result in whole if is_refusal(result.text)}
    refused = refused if 2 * len(refused) <= len(whole) else set()
    with_cut = merging or not whole
    return [
        position_of(key, result)
        for key, result in ordered
        if (is_usable(result) and key not in refused) or (with_cut and is_cut_short(result))
    ]


def counted(positions: Sequence[Position], families: Families = MappingProxyType({})) -> Count:
    """Compare the values that the whole answers end in. Cut ones have no vote and stop none.

    `families` names each member's family, which has one vote: its members are likely to be wrong together (two models
    that are both wrong agree in 60 % of cases). Where they end in several values, each has its share of the vote.
    """
    whole = [position for position in positions if not position.truncated]
    finals = {p.key: final for p in whole if (final := final_answer(p.text)) is not None}
    if not whole or len(finals) < len(whole):
        return Count(len(whole))
    groups = most_common(finals, _votes(list(finals), families))
    front = tuple(p for p in whole if any(p.key in group for group in groups))
    if len(groups) > 1:
        return Count(len(whole), front)
    # Of a group's members one may have left out the unit: the longest form says most.
    return Count(len(whole), front, max((str(finals[p.key]) for p in front), key=len))


def _votes(voters: Sequence[AnswerKey], families: Families) -> dict[AnswerKey, Fraction]:
    """Give each answer its part of its family's one vote; a member without a family is one of its own."""
    named = {key: families.get(key.member, str(key.member)) for key in voters}
    sizes = Counter(named.values())
    return {key: Fraction(1, sizes[family]) for key, family in named.items()}


def first_whole(positions: Sequence[Position]) -> Position:
    """Give the first position in pool order that is not cut short, or the first of all if none is whole."""
    return next((p for p in positions if not p.truncated), positions[0])
