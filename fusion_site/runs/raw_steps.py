"""Each call by the judge as it was: what was asked, whom it showed, what came back, and whether that could be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fusion_site.engine.asking import Message
from fusion_site.engine.candidates import Candidate
from fusion_site.engine.ladder import Unreadable, find_object
from fusion_site.engine.prompts import mark_in
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.verdict import read_verdict
from fusion_site.runs.models import Run, Step
from fusion_site.runs.shapes import money

# What the calls are for, by the first word of their names.
PURPOSES = {
    "needs": "What a right answer needs, before any is read",
    "score": "One answer by itself",
    "judge": "Comparing the answers",
    "second": "Comparing the answers, by the second judge",
    "merge": "Writing the merged answer",
    "harm": "The merged answer against the best single one",
}
_TRIES = {"again": "asked once more", "fallback": "by the fallback judge"}


def steps_of(run: Run, version: int | None = None) -> list[Step]:
    """Give the run's calls in the order in which they were made, or those that one version of the fused answer rests on."""
    return [step for step in run.steps.all() if version is None or version in step.versions]


def step_json(step: Step) -> dict[str, Any]:
    """Give one call as programs read it; None is unknown, or not so far."""
    result = step.result or {}
    stage, problem = _read(step)
    return {
        "name": step.name.partition("#")[0],
        "purpose": purpose_of(step),
        "versions": step.versions,
        "replaced": step.is_replaced,
        "model": step.model,
        "connection": step.connection,
        "attempt": step.attempt,
        "started_at": step.started_at.isoformat() if step.started_at else None,
        "finished_at": step.finished_at.isoformat() if step.finished_at else None,
        "took_ms": took_ms(step),
        "outcome": step.outcome or None,
        "error": _known(result.get("error"), ("kind", "message", "retryable")),
        "cost_usd": money(step.cost_usd),
        "usage": _known(
            result.get("usage") or {}, ("prompt_tokens", "completion_tokens", "reasoning_tokens")
        ),
        "shown": step.shown,
        "messages": step.messages,
        "reply": result.get("text"),
        "reasoning": result.get("reasoning"),
        "stage": stage,
        "problem": problem,
    }


def _known(found: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any] | None:
    return None if found is None else {name: found.get(name) for name in names}


def purpose_of(step: Step) -> str:
    """Say what a call was for, e.g. "Comparing the answers, asked once more"."""
    word, *rest = step.name.partition("#")[0].split("/")
    tries = [_TRIES[each] for each in rest if each in _TRIES]
    order = ["in the other order"] if word in {"judge", "second", "harm"} and rest[0] == "1" else []
    return ", ".join([PURPOSES.get(word, word), *order, *tries])


def took_ms(step: Step) -> int | None:
    """Give the milliseconds from its last start to its end; None is unknown."""
    if step.started_at is None or step.finished_at is None:
        return None
    return round((step.finished_at - step.started_at).total_seconds() * 1000)


def _read(step: Step) -> tuple[str | None, str | None]:
    """Give on which rung of the ladder the reply could be read, or why it could not: by the same rules as then."""
    word = step.name.partition("/")[0].partition("#")[0]
    text = (step.result or {}).get("text", "")
    if step.outcome != "complete" or word in {"needs", "merge"}:
        return None, None
    mark = mark_of(step)
    try:
        if word == "score":
            return find_object(text, "criteria", mark)[0], None
        return read_verdict(text, list(_letters(step.shown)), mark).stage, None
    except Unreadable as problem:
        return None, str(problem)


def mark_of(step: Step) -> str:
    """Give the mark that the call asked its reply to bear; nothing of one that asked for none."""
    return mark_in([Message(each["role"], each["content"]) for each in step.messages])


def _letters(shown: list[Mapping[str, Any]]) -> Iterator[Candidate]:
    """Give candidates that are known by their letters only: whom a reply picks can be read without their texts."""
    for number, each in enumerate(shown):
        yield Candidate(AnswerKey(0, number), "", each["label"])
