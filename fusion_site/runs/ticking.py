"""Reading what a person ticked: points of the verdict as they stand there, and passages of answers as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_site.engine.guidance import Kind
from fusion_site.pools.reading import Given, Reading
from fusion_site.runs.models import Answer, Run

# So many ticks are taken in each list, so long ones, and so many characters in all: a small judge reads them, too.
MOST_TICKS = 40
LONGEST_TICK = 2000
MOST_CHARS = 12_000

_FIELDS = ["from", "text", "stance", "answer", "offset", "length"]
_WORDS = [kind.value for kind in Kind]
NO_POINT = "This is no point of the run's verdict."
NOT_THERE = "This passage does not stand there in that answer."
BEING_WRITTEN = "This answer is still being written."
BOTH = "This is to be kept as well: choose one."

Tick = dict[str, Any]
Point = tuple[str, str, str]


def read_ticks(run: Run, given: Given) -> dict[str, Any]:
    """Give a choice as rows keep it; raises Invalid, with a message for each tick that cannot be taken."""
    reading = Reading(given)
    reading.only(["keep", "drop"])
    keep, drop = (
        [_tick(each, run) for each in reading.each(name, most=MOST_TICKS)] for name in ("keep", "drop")
    )
    for number, tick in enumerate(drop):
        if tick in keep:
            reading.wrong(f"drop.{number}.text", BOTH)
    found = {"keep": _once(keep), "drop": _once(drop)}
    size = sum(len(tick["text"]) + len(tick["stance"] or "") for ticks in found.values() for tick in ticks)
    if size > MOST_CHARS:
        reading.wrong("keep", f"Choose at most {MOST_CHARS:,} characters in all (this has {size:,}).")
    reading.finish()
    return {**found, "missed": False}


def _once(ticks: list[Tick]) -> list[Tick]:
    return [tick for number, tick in enumerate(ticks) if tick not in ticks[:number]]


def _tick(reading: Reading, run: Run) -> Tick:
    reading.only(_FIELDS)
    kind = reading.choice("from", _WORDS, required=True)
    text = reading.text("text", longest=LONGEST_TICK, required=True)
    plain = {"from": kind, "text": text, "stance": None, "answer": None, "offset": None, "length": None}
    if kind == Kind.PASSAGE:
        return plain | _passage(reading, run, text)
    stance = reading.text("stance", longest=LONGEST_TICK)
    if kind and text and (kind, text, stance) not in set(points_in(run.verdict or {})):
        reading.wrong("text", NO_POINT)
    return plain | {"stance": stance or None}


def _passage(reading: Reading, run: Run, text: str) -> Tick:
    """Read where a passage stands; the text that is kept is the answer's own, line ends and all."""
    answer = reading.row("answer", Answer.objects.filter(run=run), "answer", required=True)
    most = len(answer.text) if answer else 0
    offset = reading.whole("offset", low=0, high=max(most, 1), default=None)
    length = reading.whole("length", low=1, high=LONGEST_TICK, default=len(text))
    if offset is None:
        reading.wrong("offset", NOT_THERE)
    elif answer is not None and length is not None:
        passage = answer.text[offset : offset + length]
        if not answer.outcome:
            reading.wrong("answer", BEING_WRITTEN)
        elif passage.replace("\r\n", "\n") != text:
            reading.wrong("text", NOT_THERE)
        return {"text": passage, "answer": answer.pk, "offset": offset, "length": length}
    return {}


def points_in(verdict: Mapping[str, Any]) -> Iterator[Point]:
    """Give every point of a verdict that can be ticked: its kind, its text, and of a contradiction the stance."""
    lists: tuple[tuple[Kind, str, str], ...] = (
        (Kind.CONSENSUS, "consensus", ""),
        (Kind.PARTIAL, "partial_coverage", "point"),
        (Kind.INSIGHT, "unique_insights", "insight"),
        (Kind.BLIND_SPOT, "blind_spots", ""),
    )
    for kind, name, key in lists:
        for item in verdict.get(name, ()):
            yield kind.value, item[key] if key else item, ""
    for item in verdict.get("contradictions", ()):
        yield from ((Kind.CONTRADICTION.value, item["topic"], s["stance"]) for s in item["stances"])
