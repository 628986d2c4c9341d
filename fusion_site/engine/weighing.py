"""Putting the readings of a judge together: who wins, by what score, and whether that was close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fusion_site.engine.candidates import Candidate
from fusion_site.engine.settings import Criterion
from fusion_site.engine.verdict import Reading

CLOSE_CALL = "A close call: the judge did not decide the same way twice, {so}."
ABSTAINED = "A close call: the judge could not tell the answers apart, {so}."
BY_SCORE = "so the higher score decided"
BY_ORDER = "and no score was higher, so the pool's order decided"
ONE_ORDER = "A close call: the judge gave a verdict on one of the two orders only."
CUT_PICK = (
    "The judge preferred an answer that was cut off by its length limit, so the best whole one came first."
)


@dataclass(frozen=True, slots=True)
class Pass:
    """One reading of the candidates in one order."""

    order: str
    model: str
    is_fallback: bool
    reading: Reading
    clipped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the passes say together. Where they disagree, `winner` is the higher score and `note` says so.

    `candidates` were compared; `rest` were not, because of what they had been given by themselves. `second` are the
    passes of a second judge, where one had to confirm the pick. `so` says what decides where the passes do not.
    """

    candidates: tuple[Candidate, ...]
    passes: tuple[Pass, ...]
    winner: Candidate
    scores: dict[str, float | None] = field(default_factory=dict)
    note: str = ""
    rest: tuple[Candidate, ...] = ()
    needs: tuple[str, ...] = ()
    second: tuple[Pass, ...] = ()
    so: str = ""

    @property
    def close_call(self) -> bool:
        """Whether the winner is not simply the one that the judge picked, each time it was asked."""
        return bool(self.note)

    def ranked(self) -> list[Candidate]:
        """Give the candidates: the winner, the others that were compared by score, then the rest by score."""
        others = [c for c in self.candidates if c.letter != self.winner.letter]
        return [self.winner, *self._by_score(others), *self._by_score(self.rest)]

    def score(self, candidate: Candidate) -> float | None:
        """Give what a candidate was given: in the comparison, else by itself."""
        early = candidate.early.score if candidate.early else None
        return self.scores.get(candidate.letter, early)

    def _by_score(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=lambda c: -(self.score(c) or 0.0))


def weigh(
    candidates: Sequence[Candidate], passes: Sequence[Pass], criteria: Sequence[Criterion], *, asked: int
) -> Judgement:
    """Put the passes together. Passes that disagree, an abstention and a missing pass all make a close call."""
    scores = {c.letter: _score(c, passes, criteria) for c in candidates}
    eligible = [c for c in candidates if not c.truncated] or list(candidates)
    pick, note = _pick(eligible, passes, asked)
    best, so = _best(eligible, scores)
    return Judgement(tuple(candidates), tuple(passes), pick or best, scores, note.format(so=so), so=so)


def _best(eligible: Sequence[Candidate], scores: Mapping[str, float | None]) -> tuple[Candidate, str]:
    """Give the best scored, of equals the first in the pool, and what decided that."""
    first, *others = sorted(eligible, key=lambda c: (-(scores[c.letter] or 0.0), c.key.member))
    is_level = any((scores[c.letter] or 0.0) == (scores[first.letter] or 0.0) for c in others)
    return first, BY_ORDER if is_level else BY_SCORE


def _score(candidate: Candidate, passes: Sequence[Pass], criteria: Sequence[Criterion]) -> float | None:
    """Give the mean over the passes; where they left the candidate out, what it was given by itself."""
    compared = _mean([p.reading.score(candidate.letter, criteria) for p in passes])
    return candidate.early.score if compared is None and candidate.early else compared


def _pick(eligible: Sequence[Candidate], passes: Sequence[Pass], asked: int) -> tuple[Candidate | None, str]:
    """Give the one candidate that every pass picked, and why the winner needs a word, if it does."""
    letters = {p.reading.winner for p in passes}
    if len(letters) > 1:
        return None, CLOSE_CALL
    letter = letters.pop()
    if letter is None:
        return None, ABSTAINED
    pick = next((c for c in eligible if c.letter == letter), None)
    if pick is None:
        return None, CUT_PICK
    return pick, "" if len(passes) == asked else ONE_ORDER


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None
