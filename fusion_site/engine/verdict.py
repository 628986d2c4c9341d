"""Understanding a judge's reply: what is well formed and about the live candidates counts, the rest is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fusion_site.engine.candidates import Candidate
from fusion_site.engine.defusing import harmless
from fusion_site.engine.ladder import Unreadable, find_object
from fusion_site.engine.settings import Criterion

NO_WINNER = {"none", "tie", "null", ""}
# The texts of the live candidates as the judge saw them, by letter.
Texts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one candidate meets one criterion. A quote that is not in the candidate was dropped."""

    name: str
    met: bool
    quote: str


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
        met = {check.name.casefold(): check.met for check in self.checks.get(letter, ())}
        known = [c for c in criteria if c.name.casefold() in met]
        total = sum(c.weight for c in known)
        return sum(c.weight for c in known if met[c.name.casefold()]) / total if total else None


def read_verdict(reply: str, candidates: Sequence[Candidate]) -> Reading:
    """Understand a judge's reply; raises Unreadable if no rung of the ladder finds a verdict with a live winner."""
    stage, found = find_object(reply, "winner")
    texts = {c.letter: harmless(c.text) for c in candidates}
    return Reading(
        winner=_winner(found["winner"], texts),
        strength="slight" if found.get("strength") == "slight" else "clear",
        reasoning=_text(found.get("reasoning")),
        stage=stage,
        checks=_checks(found.get("candidates"), texts),
        lists={
            "consensus": _texts(found.get("consensus")),
            "contradictions": _contradictions(found.get("contradictions"), texts),
            "partial_coverage": _points(found.get("partial_coverage"), texts),
            "unique_insights": _insights(found.get("unique_insights"), texts),
            "blind_spots": _texts(found.get("blind_spots")),
        },
    )


def _winner(value: object, texts: Texts) -> str | None:
    if value is None or (isinstance(value, str) and value.strip().casefold() in NO_WINNER):
        return None
    if (letter := _letter(value, texts)) is None:
        raise Unreadable(f"its `winner` {str(value)[:20]!r} is none of {', '.join(texts)}")
    return letter


def _letter(value: object, texts: Texts) -> str | None:
    """Give the live letter that a label names: `A`, `a` or `Candidate A`."""
    label = _text(value).strip().casefold().removeprefix("candidate").strip().upper()
    return label if label in texts else None


def _checks(found: object, texts: Texts) -> dict[str, tuple[Check, ...]]:
    return {
        letter: tuple(_check(c, texts[letter]) for c in _dicts(item.get("criteria")) if _is_check(c))
        for item in _dicts(found)
        if (letter := _letter(item.get("label"), texts)) is not None
    }


def _is_check(found: dict[str, Any]) -> bool:
    """A `met` that is neither true nor false says nothing, which is not the same as false."""
    return isinstance(found.get("met"), bool) and bool(_text(found.get("name")))


def _check(found: dict[str, Any], text: str) -> Check:
    quote = _text(found.get("quote")).strip()
    is_there = bool(quote) and _spaced(quote) in _spaced(text)
    return Check(_text(found["name"]), found["met"], quote if is_there else "")


def _contradictions(found: object, texts: Texts) -> list[dict[str, Any]]:
    return [
        {
            "topic": _text(item.get("topic")),
            "stances": [
                {"label": letter, "stance": _text(stance.get("stance"))}
                for stance in _dicts(item.get("stances"))
                if (letter := _letter(stance.get("label"), texts)) is not None
            ],
        }
        for item in _dicts(found)
    ]


def _points(found: object, texts: Texts) -> list[dict[str, Any]]:
    return [
        {
            "labels": [x for label in _texts(item.get("labels")) if (x := _letter(label, texts)) is not None],
            "point": _text(item.get("point")),
        }
        for item in _dicts(found)
    ]


def _insights(found: object, texts: Texts) -> list[dict[str, Any]]:
    return [
        {"label": letter, "insight": _text(item.get("insight"))}
        for item in _dicts(found)
        if (letter := _letter(item.get("label"), texts)) is not None
    ]


def _text(value: object) -> str:
    """Give a string as it may be stored, shown and put into a later prompt: the judge's words are a stranger's too."""
    return harmless(value) if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [_text(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _spaced(text: str) -> str:
    """Give the text with every run of white space as one space: a quote may break its lines elsewhere."""
    return " ".join(text.split())
