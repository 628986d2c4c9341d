"""A run's state, read from rows in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_site.ops.querying import snapshot
from fusion_site.runs.attached.keeping import own_pictures, unseen_by
from fusion_site.runs.models import Answer, Event, Fusion, Run, State
from fusion_site.runs.parts import AnswerState, FusedState
from fusion_site.runs.shapes import money
from fusion_site.runs.state import RunState
from fusion_site.runs.titles import titled

_OF_TEXTS = (
    "answer.queued",
    "answer.reopened",
    "answer.started",
    "answer.retrying",
    "answer.accepted",
    "answer.delta",
    "answer.reasoning",
    "fused.delta",
)
_OF_JUDGING = ("run.reopened", "verdict.reading", "verdict.delta", "verdict.finished")


def load_state(run_id: str) -> RunState:
    """Give the state as of the run's last event; raises Run.DoesNotExist."""
    with snapshot():
        return state_of(Run.every.get(pk=run_id))


def load_states(run_ids: Sequence[str]) -> dict[str, RunState]:
    """Give the states of many runs by their ids, all as of one moment; those that are gone are left out."""
    with snapshot():
        runs = Run.every.filter(pk__in=run_ids).prefetch_related("answers", "fusions")
        return {run.pk: state_of(run) for run in runs}


def state_of(run: Run) -> RunState:
    """Give the state that a run's rows tell, read in the same transaction.

    What is finished stands on its own row. What is still being written is told by its events.
    """
    state = _run_state(run)
    state.answers = {a.pk: _answer_state(a) for a in run.answers.all()}
    state.fusions = {f.version: _fused_state(f) for f in run.fusions.all()}
    for event in [*_still_told(state), *_judging(run)]:
        state.apply(event.seq, event.kind, event.data)
    state.seq, state.state = run.seq, run.state
    return state


def brief_states(runs: Sequence[Run]) -> dict[str, RunState]:
    """Give the states of many runs by their ids, without any text: who answered how, and what was made of it."""
    found = {run.pk: _run_state(run) for run in runs}
    for answer in Answer.objects.filter(run__in=found).defer("text", "reasoning"):
        answer.text = answer.reasoning = ""
        found[answer.run_id].answers[answer.pk] = _answer_state(answer)
    for fusion in Fusion.objects.filter(run__in=found).defer("text"):
        fusion.text = ""
        found[fusion.run_id].fusions[fusion.version] = _fused_state(fusion)
    return found


def _still_told(state: RunState) -> list[Event]:
    """Give the events of everything unfinished, in order; of a restarted fused text only those since its restart."""
    open_answers = {a.id for a in state.answers.values() if not a.outcome}
    open_fusions = {f.version for f in state.fusions.values() if not f.finished}
    nothing_was_told = state.seq <= 1
    if nothing_was_told or not (open_answers or open_fusions):
        return []
    told = Event.objects.filter(run_id=state.id, kind__in=_OF_TEXTS)
    return [e for e in told if e.data.get("answer") in open_answers or e.data.get("version") in open_fusions]


def _judging(run: Run) -> list[Event]:
    """Give the events of the judge's part in the pass that is open."""
    is_before = not run.reopened and run.state in (State.QUEUED, State.ANSWERING)
    if is_before or not run.is_open:
        return []
    told = list(run.events.filter(kind__in=_OF_JUDGING))
    begins = max((n for n, event in enumerate(told) if event.kind == "run.reopened"), default=-1)
    return told[begins + 1 :]


def _run_state(run: Run) -> RunState:
    return RunState(
        id=run.pk,
        seq=run.seq,
        state=run.state,
        mode=run.mode,
        prompt=run.prompt,
        title=titled(run),
        preset=run.preset_id,
        preset_name=run.preset_name,
        pinned=run.pinned,
        rehearsal=run.rehearsal,
        created_at=run.created_at.isoformat(),
        after=run.after_id,
        history=run.history,
        **run.thread,
        pictures=own_pictures(run),
        unseen_by=unseen_by(run.settings),
        message=run.message,
        finished_at=run.finished_at.isoformat() if run.finished_at else None,
        reopened=run.reopened,
        cost_usd=money(run.cost_usd),
        cost_complete=run.cost_complete,
        guided=run.settings.get("guided", False),
        waits_until=run.guided_until.isoformat() if run.guided_until else None,
        verdict=run.verdict,
    )


def _answer_state(row: Answer) -> AnswerState:
    return AnswerState(
        id=row.pk,
        round=row.round,
        member=row.member,
        label=row.label,
        model=row.model,
        rehearsal=row.rehearsal,
        attempt=row.attempt,
        outcome=row.outcome,
        status="done" if row.outcome else "waiting",
        text=row.text,
        reasoning=row.reasoning,
        error=row.error,
        usage=row.usage,
        cost_usd=money(row.cost_usd),
        generation_id=row.generation_id,
        served_model=row.served_model,
        provider=row.provider,
        unconfirmed=row.unconfirmed,
        first_token_ms=row.first_token_ms,
        total_ms=row.total_ms,
    )


def _fused_state(row: Fusion) -> FusedState:
    made_of = (row.answers, row.late, row.finished, row.guidance, row.provenance, row.missing, row.verdict)
    return FusedState(row.version, row.source, row.note, row.text, *made_of)
