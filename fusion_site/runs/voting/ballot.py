"""A ballot: what the members wrote, under letters and without names, in an order that is the voter's own."""

from __future__ import annotations

import hashlib
import random
import string
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fusion_site.engine.debating import choice_in
from fusion_site.engine.defusing import anonymous, names_of
from fusion_site.runs.frozen import settings_from_json
from fusion_site.runs.models import Run
from fusion_site.runs.parts import AnswerState
from fusion_site.runs.state import RunState

FUSED = "fused"
TIE = "tie"
_USABLE = {"complete", "truncated"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be voted for: what a member stands by in the end, or what was merged of that.

    `edition` counts how often the answer was asked for, or is the version of the fused answer.
    """

    key: str
    edition: int
    label: str
    model: str
    text: str


@dataclass(frozen=True)
class Ballot:
    """The candidates of a run in one voter's order; the first one stands under A."""

    candidates: tuple[Candidate, ...]

    @cached_property
    def seal(self) -> str:
        """Give a mark of what stands on it: a vote for a letter must not count for another text."""
        told = "|".join(f"{each.key} {each.edition}" for each in self.candidates)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def lettered(self) -> list[tuple[str, Candidate]]:
        """Give each candidate with its letter."""
        return list(zip(string.ascii_uppercase, self.candidates, strict=False))

    def at(self, letter: str) -> Candidate | None:
        """Give who stands under a letter."""
        return dict(self.lettered()).get(letter)

    def keyed(self, key: str) -> Candidate | None:
        """Give the candidate with that key."""
        return next((each for each in self.candidates if each.key == key), None)

    def plain(self) -> list[dict[str, Any]]:
        """Give what a vote keeps of it."""
        return [{"key": c.key, "edition": c.edition, "model": c.model} for c in self.candidates]


def ballot_for(run: Run, state: RunState, voter: str) -> Ballot | None:
    """Give the ballot of one voter, the same whenever they look; None while there is nothing to choose from.

    What is returned word for word is its author's: only a merged answer stands beside the others.
    """
    found = _candidates(run, state)
    if state.is_open or len(found) < 2:
        return None
    order = hashlib.sha256(f"{run.pk} {voter}".encode()).digest()
    random.Random(order).shuffle(found)  # noqa: S311 (a fair shuffle that can be repeated, no secret)
    return Ballot(tuple(found))


def _candidates(run: Run, state: RunState) -> list[Candidate]:
    names = names_of(settings_from_json(run.settings).members, state.prompt)
    found = [
        Candidate(answer.id, answer.attempt, answer.label, answer.model, anonymous(text, names))
        for answer, text in _standing(state).values()
    ]
    fused = state.fused
    if fused is not None and fused.finished and fused.source == "merge" and fused.text.strip():
        found.append(Candidate(FUSED, fused.version, "Fused answer", FUSED, anonymous(fused.text, names)))
    return sorted(found, key=lambda each: each.key)


def _standing(state: RunState) -> dict[int, tuple[AnswerState, str]]:
    """Give by member the answer that holds its text: the first one, until a debate has changed it, as the judge has it."""
    found: dict[int, tuple[AnswerState, str]] = {}
    for answer in sorted(state.answers.values(), key=lambda each: each.round):
        if not answer.round and answer.outcome in _USABLE and answer.text.strip():
            found[answer.member] = answer, answer.text
        elif answer.outcome == "complete" and answer.member in found:
            choice = choice_in(answer.text)
            if choice.counts:
                found[answer.member] = answer, choice.text
    return found
