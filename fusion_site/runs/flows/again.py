"""Going on with a run that is over: one of its answers is asked for again, or what there is now is fused once more."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from fusion_site.engine.again import stand_now
from fusion_site.engine.events import Source
from fusion_site.engine.fusing import NOTHING_USABLE
from fusion_site.engine.settings import FusionSettings
from fusion_site.ops.draining import refuse_while_draining
from fusion_site.pools.estimating import estimate_again
from fusion_site.runs.bell import ring_after_commit
from fusion_site.runs.frozen import settings_from_json
from fusion_site.runs.limits import check_budget, check_parallel, hold
from fusion_site.runs.models import Again, Answer, Event, Run, Step
from fusion_site.runs.queue import queue
from fusion_site.runs.resuming import does_fuse, resume_of
from fusion_site.runs.spent import kept_cost

NOT_OVER = "The run is not over yet. Wait for its end, or stop it."
OPEN_ALREADY = "The run is being worked on again already. Wait for that to end, or stop it."
BEING_WRITTEN = "This answer is still being written."
NOT_FIRST = "Only first answers can be asked for again, not what was said in a debate."


class NotNow(Exception):
    """The run cannot go on like this as it stands; the message is a plain sentence that says why."""


def fuse_run_again(run: Run) -> Run:
    """Have the answers that there are now fused as a further version, by the run's own settings.

    Raises NotNow, LimitReached, Invalid (where nobody knows what it may cost, and the team has a budget) or Draining.
    """
    refuse_while_draining()
    with transaction.atomic():
        run = _held(run)
        settings = settings_from_json(run.settings)
        if not stand_now(settings, resume_of(run)):
            raise NotNow(NOTHING_USABLE)
        return _opened(run, settings, Again.FUSE)


def retry_answer(answer: Answer) -> Run:
    """Have one member asked again for its first answer; where the run has no fused answer yet, it gets one. Raises as above."""
    refuse_while_draining()
    with transaction.atomic():
        run = _held(answer.run, answer)
        if answer.round:
            raise NotNow(NOT_FIRST)
        row = run.answers.get(pk=answer.pk)
        return _opened(run, settings_from_json(run.settings), Again.RETRY, row)


def _held(run: Run, answer: Answer | None = None) -> Run:
    """Give the run as it is now, which stays so until the transaction ends; raises NotNow unless it is over."""
    hold(run.person, run.team)
    run = Run.objects.select_for_update().select_related("team", "person").get(pk=run.pk)
    if answer is not None and run.answers.filter(pk=answer.pk, outcome="").exists():
        raise NotNow(BEING_WRITTEN)
    if not run.is_final:
        raise NotNow(NOT_OVER)
    if run.is_open:
        raise NotNow(OPEN_ALREADY)
    return run


def _opened(run: Run, settings: FusionSettings, why: Again, *wanted: Answer) -> Run:
    """Store that a later pass is to be made, with the events that say so, and have it worked on."""
    check_parallel(run.person, run.team)
    newest = run.fusions.last()
    run.reopened, run.version = why, newest.version + 1 if newest else 1
    run.reserved_usd = _reserved(run, settings, wanted)
    if why is Again.FUSE and newest is not None and newest.source == Source.FALLBACK:
        # What the judge could not do then is asked of it again, not read again.
        for step in run.steps.all():
            _forget(step, result=None)
    for answer in wanted:
        _forget(answer, **_UNSAID)
    events = _told(run, wanted)
    run.seq += len(events)
    run.is_open, run.opened_at, run.claims = True, timezone.now(), 0
    run.cancel_requested = run.is_thinned = run.cost_complete = False
    run.save(update_fields=_FIELDS)
    queue().submit(run.pk)
    ring_after_commit(run.pk, events)
    return run


_FIELDS = (
    "reopened",
    "version",
    "reserved_usd",
    "seq",
    "is_open",
    "opened_at",
    "claims",
    "cancel_requested",
    "is_thinned",
    "cost_complete",
)
_UNSAID: dict[str, Any] = {
    "text": "",
    "reasoning": "",
    "error": None,
    "usage": {},
    "served_model": "",
    "provider": "",
    "unconfirmed": False,
    "first_token_ms": None,
    "total_ms": None,
    "cancel_requested": False,
}


def _forget(row: Answer | Step, **fields: Any) -> None:
    """Have a call made anew. What it cost is settled; where a part of that is unknown, it stays so."""
    if row.cost_usd is not None:
        row.paid_usd = (row.paid_usd or Decimal(0)) + row.cost_usd
        row.paid_attempts = row.attempt if row.attempt - row.paid_attempts <= 1 else row.paid_attempts
    fields |= {"outcome": "", "cost_usd": None, "generation_id": ""}
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=["paid_usd", "paid_attempts", *fields])


def _told(run: Run, wanted: Sequence[Answer]) -> list[dict[str, Any]]:
    """Store the events that open the pass; gives them."""
    common = {"run": run.pk, "at": timezone.now().isoformat()}
    facts: list[tuple[str, dict[str, Any]]] = [
        ("run.reopened", {"reason": run.reopened, "answers": [a.pk for a in wanted], "version": run.version}),
        *(("answer.reopened", {"answer": answer.pk}) for answer in wanted),
    ]
    events = [
        {"seq": seq, "kind": kind, "data": {**common, **data}}
        for seq, (kind, data) in enumerate(facts, start=run.seq + 1)
    ]
    Event.objects.bulk_create(Event(run=run, **event) for event in events)
    return events


def _reserved(run: Run, settings: FusionSettings, wanted: Sequence[Answer]) -> Decimal | None:
    """Give what is held back for the run with this pass, which the team's budget has room for; None is unknown."""
    found = estimate_again(settings, [answer.member for answer in wanted], judged=does_fuse(run))
    budget, spent = settings.budget_usd, run.cost_usd or Decimal(0)
    most = kept_cost(found.most_usd(None if budget is None else max(budget - spent, Decimal(0))))
    check_budget(run.team, most, found)
    before = spent if run.cost_complete else run.reserved_usd
    return None if most is None or before is None else kept_cost(max(before, spent) + most)
