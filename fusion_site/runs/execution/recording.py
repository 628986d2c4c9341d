"""What a fusion reports, turned into numbered events and the row changes that belong to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache, partial
from typing import Any

from django.utils import timezone

from fusion_site.accounts.ids import new_id
from fusion_site.engine import events as e
from fusion_site.engine.asking import AskAccepted, AskError, Outcome
from fusion_site.engine.results import AnswerKey, AnswerResult
from fusion_site.engine.settings import FusionSettings
from fusion_site.ops.metrics import answer_ended
from fusion_site.runs.claiming import LEASE, lease_end
from fusion_site.runs.execution.ending import FAILED, STOPPED, end_of
from fusion_site.runs.execution.fusions import begin_fusion, finish_fusion, trace_fusion
from fusion_site.runs.execution.journal import RunLog
from fusion_site.runs.execution.steps import StepLog
from fusion_site.runs.execution.tracing import Untraced, untraced
from fusion_site.runs.execution.verdicts import shown_json, stored_verdict
from fusion_site.runs.execution.writing import Writing, updating
from fusion_site.runs.guidance import guidance_json, heeded_json, with_heeded
from fusion_site.runs.hooks.flows.note import note_end
from fusion_site.runs.loading import state_of
from fusion_site.runs.models import Answer, Run, State
from fusion_site.runs.parts import FusedState
from fusion_site.runs.shapes import answer_json, ended_json, error_json, money, served_json
from fusion_site.runs.spent import Spent


class Recorder:
    """Writes down one pass of one run, the first or a later one. Everything it knows was read from rows when the run was claimed."""

    def __init__(self, run: Run, settings: FusionSettings, log: RunLog) -> None:
        self._run, self._settings, self._log = run, settings, log
        answers = list(run.answers.all())
        told = state_of(run)
        texts = {key: (answer.text, answer.reasoning) for key, answer in told.answers.items()}
        self._answers = {AnswerKey(a.round, a.member): Writing.of(a, *texts[a.pk]) for a in answers}
        self._verdict = told.verdict if told.is_judged else None
        self._judged_length = 0
        self._rehearsal = {a.member: a.rehearsal for a in answers}
        self._state = State(run.state)
        self._has_fused = any(f.finished and f.version == run.version for f in run.fusions.all())
        self._fused_text: list[str] = []
        self._fused_length = 0
        self._fused_from: list[str] = []
        fused = told.fusions.get(run.version)
        self._untraced = fused if fused and fused.finished and fused.provenance is None else None
        self._guidance: dict[str, Any] | None = None
        self._spent = Spent(run, settings, answers)
        steps = StepLog(run, log, self._spent, self._id, settings.blind)
        self._step_started, self._step_recalled = steps.started, steps.recalled
        self._step_accepted, self._step_finished = steps.accepted, steps.finished

    def record(self, event: e.FusionEvent) -> None:
        """Write one event down; raises Fenced when the run has been taken over."""
        handler: Callable[[Any], None] = getattr(self, _handler(type(event).__name__))
        handler(event)

    async def stored(self) -> None:
        """Wait until all that was recorded is in rows and the run is surely ours; raises what `record` would.

        The same write renews the lease. A process that was frozen until after its end has to look again.
        """
        until = 0.0
        while time.monotonic() >= until:
            until = time.monotonic() + LEASE.total_seconds()
            self._log.change(lease_until=lease_end())
            await self._log.flushed()

    def cancel(self) -> None:
        """Write down that a person stopped the run: what was written stays."""
        self._end_open(Outcome.CANCELLED, None)
        self._finish(State.CANCELLED, "Stopped.", cut=STOPPED)

    def fail(self, message: str) -> None:
        """Write down that the run failed for a reason of the site's own."""
        self._end_open(Outcome.INTERRUPTED, None)
        self._finish(State.FAILED, message, cut=FAILED)

    # Answers ----------------------------------------------------------------------------------------------

    def _writing(self, key: AnswerKey) -> Writing:
        if key not in self._answers:
            self._answers[key] = self._opened(key)
        return self._answers[key]

    def _opened(self, key: AnswerKey) -> Writing:
        """Make the row of an answer in a later round, when first something is said of it."""
        member = self._settings.members[key.member]
        row = Answer(
            id=new_id(),
            run_id=self._run.pk,
            round=key.round,
            member=key.member,
            label=member.label,
            model=member.model.model,
            rehearsal=self._rehearsal.get(key.member, False),
        )
        self._tell("answer.added", answer_json(row), partial(row.save, force_insert=True))
        return Writing.of(row)

    def _answer_queued(self, event: e.AnswerQueued) -> None:
        self._tell("answer.queued", {"answer": self._writing(event.key).id, "place": event.place})

    def _answer_started(self, event: e.AnswerStarted) -> None:
        self._start(self._writing(event.key))

    def _start(self, writing: Writing) -> None:
        writing.start()
        self._move(State.ANSWERING)
        self._tell(
            "answer.started",
            {"answer": writing.id, "attempt": writing.attempt},
            updating(writing.id, attempt=writing.attempt, outcome="", **served_json(AskAccepted())),
        )

    def _answer_accepted(self, event: e.AnswerAccepted) -> None:
        writing = self._writing(event.key)
        writing.accepted = event.accepted
        fields = served_json(event.accepted)
        self._tell("answer.accepted", {"answer": writing.id, **fields}, updating(writing.id, **fields))

    def _answer_retrying(self, event: e.AnswerRetrying) -> None:
        data = {"after_s": round(event.after_s, 1), "error": error_json(event.error)}
        self._tell("answer.retrying", {"answer": self._id(event.key), **data})

    def _answer_delta(self, event: e.AnswerDelta) -> None:
        writing = self._writing(event.key)
        offset = writing.add_text(event.text)
        self._tell_text("answer.delta", "answer", writing.id, offset, event.text)

    def _answer_reasoning(self, event: e.AnswerReasoning) -> None:
        writing = self._writing(event.key)
        offset = writing.add_reasoning(event.text)
        self._tell_text("answer.reasoning", "answer", writing.id, offset, event.text)

    def _answer_finished(self, event: e.AnswerFinished) -> None:
        writing = self._writing(event.key)
        if writing.unpaid and not writing.is_started:
            # An earlier attempt wrote something, and this one ended before it could begin: its text is another.
            self._start(writing)
        self._finish_answer(event.key, event.result)

    def _finish_answer(self, key: AnswerKey, result: AnswerResult) -> None:
        writing = self._writing(key)
        writing.is_open = False
        answer_ended(result.outcome, result.first_token_ms, result.total_ms)
        cost = self._spent.answer(key.member, result.cost_usd, writing.unpaid)
        fields = ended_json(result, cost)
        stored = updating(writing.id, text=result.text, reasoning=result.reasoning, **fields)
        data = {"answer": writing.id, **fields, "cost_usd": money(cost)}
        self._tell("answer.finished", data, stored, urgent=True, **self._spent.fields())

    def _end_open(self, outcome: Outcome, error: AskError | None) -> None:
        for key, writing in self._answers.items():
            if writing.is_open:
                self._finish_answer(key, writing.cut(outcome, error))

    # Judge ------------------------------------------------------------------------------------------------

    def _verdict_started(self, event: e.VerdictStarted) -> None:
        self._move(State.JUDGING)
        known = {"scored": self._ids(event.scored), "with_needs": event.with_needs}
        known |= {"arrived": self._ids(event.arrived)} if event.arrived else {}
        self._tell("verdict.started", {"answers": self._ids(event.answers), **known}, urgent=True)

    def _verdict_reading(self, event: e.VerdictReading) -> None:
        self._judged_length = 0
        self._tell("verdict.reading", {"candidates": shown_json(event.shown, self._id)})

    def _verdict_delta(self, event: e.VerdictDelta) -> None:
        self._tell_text("verdict.delta", "run", self._run.pk, self._judged_length, event.text)
        self._judged_length += len(event.text)

    def _verdict_finished(self, event: e.VerdictFinished) -> None:
        verdict = self._verdict = stored_verdict(event.verdict, self._id)
        spent = self._spent.fields()
        self._tell("verdict.finished", {"verdict": verdict}, urgent=True, verdict=verdict, **spent)

    # The reader's choice ---------------------------------------------------------------------------------

    def _guidance_wanted(self, event: e.GuidanceWanted) -> None:
        """Say until when; a run that was taken over meanwhile keeps to what was said before."""
        until = self._run.guided_until or timezone.now() + timedelta(seconds=self._settings.guided_s)
        self._tell("guidance.wanted", {"until": until.isoformat()}, urgent=True, guided_until=until)

    def _guidance_given(self, event: e.GuidanceGiven) -> None:
        given = guidance_json(event.guidance, self._id)
        self._tell("guidance.given", given, urgent=True, guidance=given, guided_until=None)

    def _fusion_paused(self, event: e.FusionPaused) -> None:
        self._log.change(urgent=True, is_paused=True, lease_until=None, lease_owner="")

    # Fused answer -----------------------------------------------------------------------------------------

    def _fused_started(self, event: e.FusedStarted) -> None:
        self._fused_text, self._fused_length = [], 0
        self._fused_from = self._ids(event.answers)
        self._guidance = None if event.guidance is None else guidance_json(event.guidance, self._id)
        self._move(State.FUSING)
        fields = {
            "source": event.source.value,
            "late": self._ids(event.late),
            "note": event.note,
            "guidance": with_heeded(self._guidance, None),
        }
        made_of = self._fused_from
        grounds = {"answers": made_of, "verdict": self._verdict}
        make = partial(begin_fusion, self._run.pk, event.version, {**fields, **grounds})
        self._tell("fused.started", {"version": event.version, "from": made_of, **fields}, make, urgent=True)

    def _fused_delta(self, event: e.FusedDelta) -> None:
        self._tell_text("fused.delta", "version", event.version, self._fused_length, event.text)
        self._fused_text.append(event.text)
        self._fused_length += len(event.text)

    def _fused_finished(self, event: e.FusedFinished) -> None:
        self._has_fused = True
        text, heeded = "".join(self._fused_text), heeded_json(event.heeded)
        self._untraced = FusedState(event.version, "", text=text, answers=self._fused_from)
        guidance = with_heeded(self._guidance, heeded)
        self._move(State.SETTLING)
        store = partial(finish_fusion, self._run.pk, event.version, text=text, guidance=guidance)
        told = {"version": event.version} | ({"heeded": heeded} if heeded else {})
        self._tell("fused.finished", told, store, urgent=True, **self._spent.fields())

    def untraced(self) -> Untraced | None:
        """Give the fused answer of this pass with what it may come from, where it is whole and nobody knows from what."""
        fused = self._untraced
        return untraced(fused, self._verdict, self._answers.values()) if fused else None

    def traced(self, version: int, found: dict[str, Any]) -> None:
        """Write down where a version comes from; raises as `record` does."""
        self._untraced = None
        store = partial(trace_fusion, self._run.pk, version, found)
        self._tell("fused.provenance", {"version": version, **found}, store, urgent=True)

    def _fusion_finished(self, event: e.FusionFinished) -> None:
        self._end_open(Outcome.INTERRUPTED, None)
        self._finish(State(event.state), event.message)

    def _finish(self, state: State, message: str, *, cut: str = "") -> None:
        self._move(state)
        self._state, kind, said = end_of(self._run, self._state, message, has_fused=self._has_fused, cut=cut)
        now = timezone.now()
        told = {**said, "finished_at": now.isoformat(), **self._spent.data(final=True)}
        closed = {"is_open": False, "reopened": "", "lease_until": None, "guided_until": None}
        closed |= {"finished_at": now, "message": said["message"], **self._spent.fields(final=True)}
        noted = [partial(note_end, self._run.pk, self._run.team_id)] if kind == "run.finished" else []
        self._tell(kind, told, *noted, urgent=True, **closed)

    def _id(self, key: AnswerKey) -> str:
        return self._writing(key).id

    def _ids(self, keys: Iterable[AnswerKey]) -> list[str]:
        return [self._id(key) for key in keys]

    def _move(self, state: State) -> None:
        """Move the run on, never back: a resumed run that already judges does not show as answering again."""
        order = list(State)
        if order.index(state) > order.index(self._state):
            self._state = state

    def _tell_text(self, kind: str, name: str, of: str | int, offset: int, text: str) -> None:
        """Tell of a piece of text; some hundred may come between two writes, and are told as one."""
        if not self._log.grow(kind, of, text):
            data = {**self._stamp(), name: of, "offset": offset, "text": text}
            self._log.append(kind, data, of=of, state=self._state.value)

    def _stamp(self) -> dict[str, Any]:
        return {"run": self._run.pk, "at": timezone.now().isoformat()}

    def _tell(
        self,
        kind: str,
        data: dict[str, Any],
        *changes: Callable[[], object],
        urgent: bool = False,
        **fields: Any,
    ) -> None:
        self._log.append(
            kind, {**self._stamp(), **data}, *changes, urgent=urgent, state=self._state.value, **fields
        )


@cache
def _handler(kind: str) -> str:
    """Name the method that records events of a kind: `_answer_delta` for AnswerDelta."""
    return "".join("_" + c.lower() if c.isupper() else c for c in kind)
