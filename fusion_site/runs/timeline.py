"""What waited for what in a run: for each answer, call to the judge and fused answer the spans of its time, from rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.utils import timezone

from fusion_site.runs.flows.thin import PIECES
from fusion_site.runs.frozen import settings_from_json
from fusion_site.runs.models import Answer, Event, Run, Step
from fusion_site.runs.raw_steps import purpose_of

Fact = tuple[str, dict[str, Any]]
_ANSWER_KINDS = {"answer.queued", "answer.started", "answer.accepted", "answer.retrying", "answer.finished"}
# What an answer does from the moment of an event on; `accepted` ends a queue, and is nothing new otherwise.
_THEN = {"answer.queued": "queue", "answer.started": "wait", "answer.retrying": "retry"}


@dataclass(slots=True)
class Span:
    """A stretch of time in which one thing went on; without an end it still does.

    `kind` is `queue`, `wait` (for the first word), `write`, `retry` (the pause before it is tried again), `judge`,
    `fuse` or `choice`.
    """

    kind: str
    begins: datetime
    ends: datetime | None = None


@dataclass(slots=True)
class Lane:
    """What one answer, one call to the judge, the fused answer or the reader took; `outcome` is empty while it goes on."""

    name: str
    spans: list[Span] = field(default_factory=list)
    outcome: str = ""


@dataclass(slots=True)
class Pass:
    """One pass of a run. `quorum` is when so many answers were in that the others had until `grace`; None where nobody waited."""

    begins: datetime
    ends: datetime | None = None
    lanes: list[Lane] = field(default_factory=list)
    quorum: datetime | None = None
    grace: datetime | None = None

    def until(self) -> datetime:
        """Give its end, or the end of what has happened of it so far."""
        now = self.ends or timezone.now()
        return max(now, *(span.ends or now for lane in self.lanes for span in lane.spans), now)


def timeline_of(run: Run) -> list[Pass]:
    """Give the passes of a run, the first one first, as far as they have come."""
    facts = list(run.events.exclude(kind__in=PIECES).values_list("kind", "data"))
    answers, steps = list(run.answers.all()), list(run.steps.all())
    return [_pass(run, each, until, answers, steps) for each, until in _split(facts)]


def timeline_json(run: Run) -> list[dict[str, Any]]:
    """Give the passes as plain JSON; moments are milliseconds from the beginning of their pass, None where not so far."""
    return [_pass_json(each) for each in timeline_of(run)]


def _pass_json(one: Pass) -> dict[str, Any]:
    def ms(at: datetime | None) -> int | None:
        return None if at is None else round((at - one.begins).total_seconds() * 1000)

    lanes = [
        {
            "name": lane.name,
            "outcome": lane.outcome or None,
            "spans": [{"kind": s.kind, "begins_ms": ms(s.begins), "ends_ms": ms(s.ends)} for s in lane.spans],
        }
        for lane in one.lanes
    ]
    told = {"ends_ms": ms(one.ends), "quorum_ms": ms(one.quorum), "grace_ms": ms(one.grace)}
    return {"begins_at": one.begins.isoformat(), **told, "lanes": lanes}


def _split(facts: Sequence[Fact]) -> Iterator[tuple[Sequence[Fact], datetime | None]]:
    """Cut what happened into its passes, each with when the next one began."""
    cuts = [0, *(n for n, (kind, _) in enumerate(facts) if kind == "run.reopened" and n), len(facts)]
    for begin, end in pairwise(cuts):
        yield facts[begin:end], _at(facts[end]) if end < len(facts) else None


def _at(fact: Fact) -> datetime:
    return datetime.fromisoformat(fact[1]["at"])


def _pass(
    run: Run, facts: Sequence[Fact], until: datetime | None, answers: list[Answer], steps: list[Step]
) -> Pass:
    over = next((fact for fact in facts if _is_end(fact)), None)
    found = Pass(_at(facts[0]), _at(over) if over else None)
    found.lanes = [
        *_answer_lanes(run, facts, answers, is_over=over is not None),
        *_step_lanes(found, until, steps),
        *_paired(facts, "guidance.wanted", "guidance.given", "choice", "A reader's choice", over),
        *_paired(facts, "fused.started", "fused.finished", "fuse", "Fused answer", over),
    ]
    if facts[0][0] == "run.accepted":
        found.quorum, found.grace = _waited(run, facts)
    return found


def _is_end(fact: Fact) -> bool:
    kind, data = fact
    return kind == "run.finished" or (kind == "run.updated" and data["reason"] != "cost")


def _answer_lanes(
    run: Run, facts: Sequence[Fact], answers: Iterable[Answer], *, is_over: bool
) -> Iterator[Lane]:
    for answer in answers:
        told = [fact for fact in facts if fact[0] in _ANSWER_KINDS and fact[1].get("answer") == answer.pk]
        if not told:
            continue
        rounds = f" (debate {answer.round})" if answer.round else ""
        lane = Lane(answer.label + rounds)
        for fact in told:
            _go_on(lane, fact)
        if not lane.outcome and not is_over:
            _write_on(lane, run, answer)
        yield lane


def _go_on(lane: Lane, fact: Fact) -> None:
    """Move one answer's lane on by what happened."""
    kind, data = fact
    now, open_span = _at(fact), lane.spans[-1] if lane.spans else None
    is_queued = open_span is not None and open_span.kind == "queue" and open_span.ends is None
    # Another place in the same queue is nothing new, nor is it to be accepted where there was none.
    if is_queued is (kind == "answer.queued") and kind in {"answer.queued", "answer.accepted"}:
        return
    if kind == "answer.finished":
        _end(lane, now, data)
        return
    if open_span is not None and open_span.ends is None:
        open_span.ends = now
    lane.outcome = ""
    lane.spans.append(Span(_THEN.get(kind, "wait"), now))


def _end(lane: Lane, now: datetime, data: dict[str, Any]) -> None:
    """End a lane; when its first word came is told from its end, since both were measured by one clock."""
    lane.outcome = data["outcome"]
    if not lane.spans:
        # It was stopped, or failed, before anything was asked.
        lane.spans.append(Span("wait", now, now))
        return
    last, first, total = lane.spans[-1], data["first_token_ms"], data["total_ms"]
    last.ends = now
    if first is not None and total is not None:
        last.ends = max(last.begins, now - timedelta(milliseconds=total - first))
        lane.spans.append(Span("write", last.ends, now))


def _write_on(lane: Lane, run: Run, answer: Answer) -> None:
    """Say of an answer that is being written since when; its pieces are there while the run lives."""
    if not lane.spans or lane.spans[-1].kind == "queue":
        return
    told = Event.objects.filter(
        run=run, kind__in=("answer.delta", "answer.reasoning"), data__answer=answer.pk
    )
    first = told.values_list("kind", "data").first()
    if first is not None and _at(first) >= lane.spans[-1].begins:
        lane.spans[-1].ends = _at(first)
        lane.spans.append(Span("write", _at(first)))


def _step_lanes(one: Pass, until: datetime | None, steps: Iterable[Step]) -> Iterator[Lane]:
    for step in steps:
        begins = step.started_at
        if begins is None or begins < one.begins or (until is not None and begins >= until):
            continue
        ends = step.finished_at or one.ends
        yield Lane(
            f"Judge: {_lower(purpose_of(step))}",
            [Span("judge", begins, ends and max(begins, ends))],
            step.outcome or ("cancelled" if one.ends else ""),
        )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _paired(
    facts: Sequence[Fact], begin: str, end: str, kind: str, name: str, over: Fact | None
) -> Iterator[Lane]:
    """Give one lane of what begins with one event and ends with another, or with its pass; none where it never began."""
    lane = Lane(name)
    for fact in facts:
        if fact[0] == begin:
            lane.spans.append(Span(kind, _at(fact)))
        elif fact[0] == end and lane.spans:
            lane.spans[-1].ends, lane.outcome = _at(fact), "complete"
    for span in lane.spans:
        if span.ends is None and over is not None:
            span.ends, lane.outcome = _at(over), "interrupted"
    if lane.spans:
        yield lane


def _waited(run: Run, facts: Sequence[Fact]) -> tuple[datetime | None, datetime | None]:
    """Give when the quorum was in, and until when the others had then; None where nobody was waited for after that.

    A required member may be waited for longer, up to the deadline.
    """
    settings = settings_from_json(run.settings)
    judged = next((_at(fact) for fact in facts if fact[0] == "verdict.started"), None)
    started = next((_at(fact) for fact in facts if fact[0] == "answer.started"), None)
    firsts = set(run.answers.filter(round=0).values_list("pk", flat=True))
    ends = [f for f in facts if f[0] == "answer.finished" and f[1]["answer"] in firsts]
    usable = [_at(fact) for fact in ends if fact[1]["outcome"] == "complete"]
    size = settings.quorum_size
    if started is None or len(usable) < size or len(firsts) == size:
        return None, None
    quorum = usable[size - 1]
    grace = started + (quorum - started) * settings.grace
    return quorum, min(grace, judged) if judged else grace
