"""Understanding a judge's reply: what is well formed and about the live candidates counts, the rest is dropped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from fusion_site.engine.candidates import Candidate
from fusion_site.engine.checks import Check, checks_in, dicts, said, score_of
from fusion_site.engine.defusing import harmless
from fusion_site.engine.ladder import Unreadable, find_object
from fusion_site.engine.settings import Criterion

NO_WINNER = {"none", "tie", "null", ""}
# The texts of the live candidates as the judge saw them, by letter.
Texts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """One pass of one judge, as it was understood. `winner` is a letter, or None where the judge abstained."""

    winner: str | None
    strength: str
    reasoning: str
    stage: str
    checks: dict[str, tuple[Check, ...]]
    lists: dict[str, list[Any]] = field(default_factory=dict)

    def score(self, letter: str, criteria: Sequence[Criterion]) -> float | None:
        """Give the weighted share of criteria that a candidate meets, from 0 to 1; None if it was not checked."""
        return score_of(self.checks.get(letter, ()), criteria)


def read_verdict(reply: str, candidates: Sequence[Candidate], mark: str = "") -> Reading:
    """Understand a judge's reply, whose verdict should bear the `mark` that its call asked for.

    Raises Unreadable if no rung of the ladder finds a verdict with a live winner.
    """
    stage, found = find_object(reply, "winner", mark)
    texts = {c.letter: harmless(c.text) for c in candidates}
    return Reading(
        winner=_winner(found["winner"], texts),
        strength="slight" if found.get("strength") == "slight" else "clear",
        reasoning=said(found.get("reasoning")),
        stage=stage,
        checks=_checks(found.get("candidates"), texts),
        lists=lists_in(found, texts),
    )


def lists_in(found: dict[str, Any], letters: Collection[str]) -> dict[str, list[Any]]:
    """Give what a judge found, as five lists in which candidates stand by their letters; others' letters are dropped."""
    return {
        "consensus": _texts(found.get("consensus")),
        "contradictions": _contradictions(found.get("contradictions"), letters),
        "partial_coverage": _points(found.get("partial_coverage"), letters),
        "unique_insights": _insights(found.get("unique_insights"), letters),
        "blind_spots": _texts(found.get("blind_spots")),
    }


def _winner(value: object, texts: Texts) -> str | None:
    if value is None or (isinstance(value, str) and value.strip().casefold() in NO_WINNER):
        return None
    if (letter := _letter(value, texts)) is None:
        raise Unreadable(f"its `winner` {str(value)[:20]!r} is none of {', '.join(texts)}")
    return letter


def _letter(value: object, letters: Collection[str]) -> str | None:
    """Give the live letter that a label names: `A`, `a` or `Candidate A`."""
    label = said(value).strip().casefold().removeprefix("candidate").strip().upper()
    return label if label in letters else None


def _checks(found: object, texts: Texts) -> dict[str, tuple[Check, ...]]:
    return {
        letter: checks_in(item.get("criteria"), texts[letter])
        for item in dicts(found)
        if (letter := _letter(item.get("label"), texts)) is not None
    }


def _contradictions(found: object, letters: Collection[str]) -> list[dict[str, Any]]:
    return [
        {
            "topic": said(item.get("topic")),
            "stances": [
                {"label": letter, "stance": said(stance.get("stance"))}
                for stance in dicts(item.get("stances"))
                if (letter := _letter(stance.get("label"), letters)) is not None
            ],
        }
        for item in dicts(found)
    ]


def _points(found: object, letters: Collection[str]) -> list[dict[str, Any]]:
    return [
        {
            "labels": _letters(item.get("labels"), letters),
            "point": said(item.get("point")),
        }
        for item in dicts(found)
    ]


def _letters(found: object, letters: Collection[str]) -> list[str]:
    """Give the live letters that some labels name, each once."""
    named = (_letter(label, letters) for label in _texts(found))
    return list(dict.fromkeys(letter for letter in named if letter is not None))


def _insights(found: object, letters: Collection[str]) -> list[dict[str, Any]]:
    return [
        {"label": letter, "insight": said(item.get("insight"))}
        for item in dicts(found)
        if (letter := _letter(item.get("label"), letters)) is not None
    ]


def _texts(value: object) -> list[str]:
    return [said(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []
