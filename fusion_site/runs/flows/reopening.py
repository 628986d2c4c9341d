"""Opening a later pass of a run that is over: when that may be, and what is stored before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils import timezone

from fusion_site.engine.settings import FusionSettings
from fusion_site.pools.estimating import estimate_again
from fusion_site.runs.bell import ring_after_commit
from fusion_site.runs.limits import check_budget, check_cap, check_parallel, hold
from fusion_site.runs.models import Again, Answer, Event, Run
from fusion_site.runs.queue import queue
from fusion_site.runs.resuming import does_fuse
from fusion_site.runs.spent import kept_cost

NOT_OVER = "The run is not over yet. Wait for its end, or stop it."
OPEN_ALREADY = "The run is being worked on again already. Wait for that to end, or stop it."

# Kind and data of an event.
Said = tuple[str, dict[str, Any]]
_FIELDS = (
    "settings",
    "thread",
    "rehearsal",
    "reopened",
    "version",
    "reserved_usd",
    "seq",
    "is_open",
    "opened_at",
    "claims",
    "lease_owner",
    "cancel_requested",
    "is_thinned",
    "cost_complete",
    "guidance",
)


class NotNow(Exception):
    """The run cannot go on like this as it stands; the message is a plain sentence that says why."""


def held(run: Run) -> Run:
    """Give the run as it is now, which stays so until the transaction ends; raises NotNow unless it is over."""
    hold(run.person, run.team)
    run = Run.objects.select_for_update(of=("self",)).select_related("team", "person").get(pk=run.pk)
    if not run.is_final:
        raise NotNow(NOT_OVER)
    if run.is_open:
        raise NotNow(OPEN_ALREADY)
    return run


def opened(
    run: Run,
    settings: FusionSettings,
    why: Again,
    wanted: Sequence[Answer] = (),
    *more: Said,
    guidance: dict[str, Any] | None = None,
) -> Run:
    """Store that a later pass is to be made in which these answers are asked for, and have it worked on.

    The events that say so are `run.reopened` and `more`; `guidance` is what is to be kept and left out. Raises LimitReached, or Invalid where nobody knows what it may
    cost and the team has a budget.
    """
    check_parallel(run.person, run.team)
    newest = run.fusions.last()
    run.reopened, run.version = why, newest.version + 1 if newest else 1
    run.guidance = guidance
    run.reserved_usd = _reserved(run, replace(settings, guided=guidance is not None), wanted)
    first = {"reason": why, "answers": [answer.pk for answer in wanted], "version": run.version}
    first |= {"guidance": guidance} if guidance else {}
    events = _told(run, [("run.reopened", first), *more])
    run.seq += len(events)
    run.is_open, run.opened_at, run.claims = True, timezone.now(), 0
    # Who brought the last pass to its end may still renew what it holds.
    run.lease_owner = ""
    run.cancel_requested = run.is_thinned = run.cost_complete = False
    run.save(update_fields=_FIELDS)
    queue().submit(run.pk)
    ring_after_commit(run.pk, events)
    return run


def _told(run: Run, facts: Sequence[Said]) -> list[dict[str, Any]]:
    """Store events; gives them."""
    common = {"run": run.pk, "at": timezone.now().isoformat()}
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
    before = spent if run.cost_complete else run.reserved_usd
    whole = None if most is None or before is None else kept_cost(max(before, spent) + most)
    if most != 0:
        check_cap(run.team, whole, found)
    check_budget(run.team, most, found)
    return whole
