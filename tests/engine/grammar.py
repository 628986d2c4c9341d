"""The grammar of a fusion's stream: what may follow what. Every test's stream is held against it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import singledispatchmethod

from fusion_site.engine.events import (
    AnswerAccepted,
    AnswerDelta,
    AnswerFinished,
    AnswerQueued,
    AnswerReasoning,
    AnswerRetrying,
    AnswerStarted,
    FusedDelta,
    FusedFinished,
    FusedStarted,
    FusionEvent,
    FusionFinished,
    FusionPaused,
    GuidanceGiven,
    GuidanceWanted,
    Resume,
    StepAccepted,
    StepFinished,
    StepRecalled,
    StepStarted,
    VerdictDelta,
    VerdictFinished,
    VerdictReading,
    VerdictStarted,
)
from fusion_site.engine.results import AnswerKey


class Ungrammatical(AssertionError):
    """The stream says something that cannot follow from what it said before."""


def check(
    events: Iterable[FusionEvent], resume: Resume | None = None, *, is_whole: bool = True, fuses: bool = True
) -> None:
    """Hold a stream against the grammar; one that was closed early (`is_whole` false) may stop anywhere.

    A pass that `fuses` nothing has no fused answer.
    """
    reader = _Reader(resume or Resume())
    for event in events:
        reader.take(event)
    if is_whole:
        reader.end(fuses=fuses)


@dataclass
class _Written:
    """One answer so far."""

    is_started: bool = False
    is_finished: bool = False
    text: str = ""
    reasoning: str = ""


@dataclass
class _Reader:
    resume: Resume
    answers: dict[AnswerKey, _Written] = field(default_factory=dict)
    steps: dict[str, bool] = field(default_factory=dict)
    verdict: str = "none"
    is_reading: bool = False
    fused: str = "none"
    started: FusedStarted | None = None
    fused_text: str = ""
    guidance: str = "none"
    ended: FusionFinished | FusionPaused | None = None

    def take(self, event: FusionEvent) -> None:
        _demand(self.ended is None, f"{event} comes after the end")
        self._on(event)

    def end(self, *, fuses: bool) -> None:
        _demand(self.ended is not None, "the stream has no end")
        for key, answer in self.answers.items():
            _demand(answer.is_finished, f"{key} was never finished")
        for name, finished in self.steps.items():
            _demand(finished, f"step {name} was never finished")
        _demand(self.verdict != "open", "the verdict was never finished")
        is_done = isinstance(self.ended, FusionFinished) and self.ended.state == "done"
        _demand(is_done or self.guidance != "given", "a choice was given, and nothing came of it")
        wanted = "finished" if fuses and is_done and self.resume.fused is None else "none"
        _demand(self.fused == wanted, f"the fused answer is {self.fused} at the end of {self.ended}")

    @singledispatchmethod
    def _on(self, event: object) -> None:
        raise Ungrammatical(f"unknown event {event}")

    def _open(self, key: AnswerKey) -> _Written:
        _demand(key not in self.resume.answers, f"{key} was finished by an earlier attempt")
        answer = self.answers.setdefault(key, _Written())
        _demand(not answer.is_finished, f"{key} goes on after its end")
        return answer

    @_on.register
    def _(self, event: AnswerQueued) -> None:
        _demand(not self._open(event.key).text, f"{event.key} is queued while it is written")
        _demand(event.place >= 1, "places count from 1")

    @_on.register
    def _(self, event: AnswerStarted) -> None:
        answer = self._open(event.key)
        answer.is_started, answer.text, answer.reasoning = True, "", ""

    @_on.register
    def _(self, event: AnswerRetrying) -> None:
        answer = self._open(event.key)
        _demand(not answer.text and not answer.reasoning, f"{event.key} is retried after content")

    @_on.register
    def _(self, event: AnswerAccepted) -> None:
        _demand(self._open(event.key).is_started, f"{event.key} is accepted before it was asked")

    @_on.register
    def _(self, event: AnswerDelta) -> None:
        answer = self._open(event.key)
        _demand(answer.is_started and bool(event.text), f"{event} is empty or before the start")
        answer.text += event.text

    @_on.register
    def _(self, event: AnswerReasoning) -> None:
        answer = self._open(event.key)
        _demand(answer.is_started and bool(event.text), f"{event} is empty or before the start")
        answer.reasoning += event.text

    @_on.register
    def _(self, event: AnswerFinished) -> None:
        answer = self._open(event.key)
        answer.is_finished = True
        _demand(event.result.text == answer.text, f"{event.key} ends with another text than it wrote")
        _demand(event.result.reasoning == answer.reasoning, f"{event.key} ends with another reasoning")
        has_reason = event.result.error is not None
        _demand(
            has_reason or event.result.outcome.value not in {"error"}, f"{event.key} fails without a reason"
        )

    @_on.register
    def _(self, event: StepStarted) -> None:
        _demand(event.name not in self.steps, f"step {event.name} is made twice")
        _demand(event.name not in self.resume.steps, f"step {event.name} is paid for again")
        _demand(self.verdict == _verdict_at(event.name), f"{event.name} in verdict {self.verdict}")
        held = "\n".join(message.content for message in event.messages)
        _demand(bool(held), f"step {event.name} does not say what it asks")
        for each in event.shown:
            _demand(f" {each.letter}>>" in held, f"step {event.name} does not show {each.letter}")
        self.steps[event.name] = False

    @_on.register
    def _(self, event: StepRecalled) -> None:
        _demand(event.name in self.resume.steps, f"step {event.name} is recalled and was never made")

    @_on.register
    def _(self, event: StepAccepted) -> None:
        _demand(self.steps.get(event.name) is False, f"step {event.name} is accepted before its start")

    @_on.register
    def _(self, event: StepFinished) -> None:
        _demand(self.steps.get(event.name) is False, f"step {event.name} ends without a start")
        self.steps[event.name] = True

    @_on.register
    def _(self, event: VerdictStarted) -> None:
        _demand(self.verdict == "none" and self.fused == "none", "a second verdict, or one after the fusing")
        _demand(len(event.answers) >= 2, "fewer than two answers are compared")
        _demand(set(event.scored) <= set(event.answers), "an answer has a score that does not count")
        self.verdict = "open"

    @_on.register
    def _(self, event: VerdictReading) -> None:
        _demand(self.verdict == "open" and len(event.shown) >= 2, "a judge reads outside the verdict")
        self.is_reading = True

    @_on.register
    def _(self, event: VerdictDelta) -> None:
        _demand(self.verdict == "open" and self.is_reading, "a judge writes before it reads")
        _demand(bool(event.text), "a judge writes nothing")

    @_on.register
    def _(self, event: VerdictFinished) -> None:
        _demand(self.verdict == "open", "a verdict ends without a start")
        self.verdict = "finished"
        json.dumps(event.verdict, allow_nan=False, ensure_ascii=False).encode()
        _demand(
            {"winner", "close_call", "candidates", "note"} <= event.verdict.keys(), "the verdict lacks parts"
        )

    @_on.register
    def _(self, event: GuidanceWanted) -> None:
        _demand(self.verdict == "finished" and self.fused == "none", "a choice is wanted at the wrong time")
        _demand(self.guidance == "none", "a choice is wanted twice")
        _demand(self.resume.guidance is None, "what was chosen is to be chosen again")
        self.guidance = "wanted"

    @_on.register
    def _(self, event: GuidanceGiven) -> None:
        _demand(self.verdict == "finished" and self.fused == "none", "a choice is given at the wrong time")
        was_chosen = self.resume.guidance == event.guidance
        _demand(self.guidance == "wanted" or was_chosen, "a choice is given that nobody wanted")
        self.guidance = "given"

    @_on.register
    def _(self, event: FusedStarted) -> None:
        _demand(self.guidance != "wanted", "the fused answer does not wait for the choice")
        _demand(self.fused != "finished", "the fused answer begins after its end")
        _demand(self.verdict != "open", "the fused answer begins before the verdict")
        _demand(bool(event.answers), "the fused answer is made of nothing")
        _demand(not set(event.answers) & set(event.late), "an answer is used and late at once")
        for key in event.answers:
            known = key in self.resume.answers or (key in self.answers and self.answers[key].is_finished)
            _demand(known, f"the fused answer uses {key}, which is not finished")
        self.fused, self.started, self.fused_text = "open", event, ""

    @_on.register
    def _(self, event: FusedDelta) -> None:
        _demand(
            self.fused == "open" and bool(event.text), "a fused delta is empty or outside the fused answer"
        )
        self.fused_text += event.text

    @_on.register
    def _(self, event: FusedFinished) -> None:
        _demand(self.fused == "open" and bool(self.fused_text.strip()), "an empty fused answer ends, or none")
        running = [name for name, finished in self.steps.items() if not finished and not is_early(name)]
        _demand(not running, f"the fused answer ends while {running} run")
        self.fused = "finished"

    @_on.register
    def _(self, event: FusionPaused) -> None:
        _demand(self.guidance == "wanted", "a pass waits for nothing")
        self.ended = event

    @_on.register
    def _(self, event: FusionFinished) -> None:
        _demand(self.guidance != "wanted", "a pass ends without the choice that it wanted")
        _demand(event.state in {"done", "failed"}, f"unknown state {event.state}")
        _demand(event.state == "done" or bool(event.message), "a run fails without a reason")
        self.ended = event


def is_early(name: str) -> bool:
    """Whether a step is one that nothing waits for: it may end after the fused answer, but begins before the verdict."""
    return name.startswith(("score/", "needs#")) or name == "needs"


def _verdict_at(step: str) -> str:
    """Give where the verdict stands when a step begins."""
    if is_early(step):
        return "none"
    return "open" if step.startswith(("judge/", "second/")) else "finished"


def _demand(holds: bool, complaint: str) -> None:
    if not holds:
        raise Ungrammatical(complaint)
