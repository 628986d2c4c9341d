"""A person's choice before the final step, as rows and the API keep it, and as the engine knows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fusion_site.engine.guidance import Guidance, Heeded, Kind, Tick
from fusion_site.engine.results import AnswerKey
from fusion_site.runs.models import Run

Json = dict[str, Any]


def guidance_json(guidance: Guidance, id_of: Callable[[AnswerKey], str]) -> Json:
    """Give the choice as plain JSON, in which answers stand by their ids."""

    def ticks(found: Sequence[Tick]) -> list[Json]:
        return [_tick_json(tick, id_of(tick.answer) if tick.answer else None) for tick in found]

    return {"keep": ticks(guidance.keep), "drop": ticks(guidance.drop), "missed": guidance.missed}


def _tick_json(tick: Tick, answer: str | None) -> Json:
    return {
        "from": tick.kind.value,
        "text": tick.text,
        "stance": tick.stance or None,
        "answer": answer,
        "offset": tick.offset,
        "length": tick.length,
    }


def guidance_of(run: Run) -> Guidance:
    """Give what was chosen for the pass of a run that is open, as `guidance_json` stored it."""
    stored = run.guidance or {}
    keys = {answer.pk: AnswerKey(answer.round, answer.member) for answer in run.answers.all()}

    def ticks(name: str) -> tuple[Tick, ...]:
        return tuple(_tick(found, keys) for found in stored.get(name, ()))

    return Guidance(ticks("keep"), ticks("drop"), missed=stored.get("missed", False))


def _tick(found: Json, keys: dict[str, AnswerKey]) -> Tick:
    return Tick(
        kind=Kind(found["from"]),
        text=found["text"],
        stance=found["stance"] or "",
        answer=keys[found["answer"]] if found["answer"] else None,
        offset=found["offset"],
        length=found["length"],
    )


def heeded_json(heeded: Heeded | None) -> Json | None:
    """Give what came of each tick as plain JSON."""
    return None if heeded is None else {"keep": list(heeded.keep), "drop": list(heeded.drop)}


def with_heeded(guidance: Json | None, heeded: Json | None) -> Json | None:
    """Give a version's choice with what came of each tick: `heeded` is true, false, or None where nobody knows."""
    if guidance is None:
        return None
    told = heeded or {"keep": [None] * len(guidance["keep"]), "drop": [None] * len(guidance["drop"])}
    return guidance | {
        name: [{**tick, "heeded": is_so} for tick, is_so in zip(guidance[name], told[name], strict=True)]
        for name in ("keep", "drop")
    }
