"""What a judge found criterion by criterion: each with a passage of the candidate to show for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_site.engine.defusing import harmless
from fusion_site.engine.settings import Criterion


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one candidate meets one criterion. A quote that is not in the candidate was dropped."""

    name: str
    met: bool
    quote: str


@dataclass(frozen=True, slots=True)
class Scored:
    """What a candidate was given by itself, before it was compared; `score` is from 0 to 1."""

    score: float
    checks: tuple[Check, ...]


def checks_in(found: object, text: str) -> tuple[Check, ...]:
    """Read the checks of one candidate, whose text the judge saw as `text`; what is not well formed is dropped."""
    return tuple(_check(item, text) for item in dicts(found) if _is_check(item))


def score_of(checks: Iterable[Check], criteria: Sequence[Criterion]) -> float | None:
    """Give the weighted share of criteria that a candidate meets, from 0 to 1; None if none of them was checked."""
    met = {check.name.casefold(): check.met for check in checks}
    known = [c for c in criteria if c.name.casefold() in met]
    total = sum(c.weight for c in known)
    return sum(c.weight for c in known if met[c.name.casefold()]) / total if total else None


def said(value: object) -> str:
    """Give a string as it may be stored, shown and put into a later prompt: the judge's words are a stranger's too."""
    return harmless(value) if isinstance(value, str) else ""


def dicts(value: object) -> list[dict[str, Any]]:
    """Give the objects of a list, where it is one."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_check(found: dict[str, Any]) -> bool:
    """A `met` that is neither true nor false says nothing, which is not the same as false."""
    return isinstance(found.get("met"), bool) and bool(said(found.get("name")))


def _check(found: dict[str, Any], text: str) -> Check:
    quote = said(found.get("quote")).strip()
    is_there = bool(quote) and _spaced(quote) in _spaced(text)
    return Check(said(found["name"]), found["met"], quote if is_there else "")


def _spaced(text: str) -> str:
    """Give the text with every run of white space as one space: a quote may break its lines elsewhere."""
    return " ".join(text.split())
