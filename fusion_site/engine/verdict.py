"""Reading a judge's reply: a ladder of ever more patient ways, none of which guesses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fusion_site.engine.candidates import Candidate, harmless
from fusion_site.engine.settings import Criterion

_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
NO_WINNER = {"none", "tie", "null", ""}


class Unreadable(Exception):
    """The reply holds no verdict over the live candidates; the message says what is missing."""


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
    problem = "it holds no JSON object"
    for stage, text in _rungs(reply):
        try:
            found = json.loads(text)
        except ValueError:
            continue
        if isinstance(found, dict) and "winner" in found:
            return _reading(found, candidates, stage)
        problem = "its JSON has no `winner`"
    raise Unreadable(problem)


def _rungs(reply: str) -> Iterator[tuple[str, str]]:
    yield "strict", reply.strip()
    if fences := _FENCE.findall(reply):
        yield "fence", fences[-1]
    yield from (("balanced", text) for text in _balanced(reply))


def _balanced(reply: str) -> Iterator[str]:
    """Yield the outermost objects of the reply, last first; an object is found by reading it, not by counting braces."""
    decoder = json.JSONDecoder()
    found, at = [], reply.find("{")
    while at >= 0:
        try:
            _, end = decoder.raw_decode(reply, at)
            found.append(reply[at:end])
        except ValueError:
            end = at + 1
        at = reply.find("{", end)
    yield from reversed(found)


def _reading(found: dict[str, Any], candidates: Sequence[Candidate], stage: str) -> Reading:
    texts = {c.letter: harmless(c.text) for c in candidates}
    winner = str(found["winner"] or "").strip().removeprefix("Candidate ").strip()
    if winner.casefold() in NO_WINNER:
        winner = ""
    elif winner not in texts:
        raise Unreadable(f"its `winner` {winner[:20]!r} is none of {', '.join(texts)}")
    return Reading(
        winner=winner or None,
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


def _checks(found: object, texts: dict[str, str]) -> dict[str, tuple[Check, ...]]:
    return {
        item["label"]: tuple(_check(c, texts[item["label"]]) for c in _dicts(item.get("criteria")))
        for item in _dicts(found)
        if item.get("label") in texts
    }


def _check(found: dict[str, Any], text: str) -> Check:
    quote = _text(found.get("quote")).strip()
    return Check(_text(found.get("name")), found.get("met") is True, quote if quote and quote in text else "")


def _contradictions(found: object, texts: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "topic": _text(item.get("topic")),
            "stances": [
                {"label": s["label"], "stance": _text(s.get("stance"))}
                for s in _dicts(item.get("stances"))
                if s.get("label") in texts
            ],
        }
        for item in _dicts(found)
    ]


def _points(found: object, texts: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"labels": [x for x in _texts(item.get("labels")) if x in texts], "point": _text(item.get("point"))}
        for item in _dicts(found)
    ]


def _insights(found: object, texts: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"label": item["label"], "insight": _text(item.get("insight"))}
        for item in _dicts(found)
        if item.get("label") in texts
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
