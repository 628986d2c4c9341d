"""Runs are deleted, for a while can be had back, and then are emptied: only what they cost stays, in the team's sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import Http404

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership
from fusion_site.pools.flows.delete import KEYS_KEPT_FOR
from fusion_site.runs.access import may_act_in
from fusion_site.runs.flows.cancel import cancel_run
from fusion_site.runs.models import Run

# As long as the keys of connections.
KEPT_FOR: timedelta = KEYS_KEPT_FOR
# Runs emptied at a time, so that other writers get their turn in between.
MOST = 20
NOT_YOURS = "Only who started a run, and editors of its team, may delete it or have it back."


@transaction.atomic
def delete_runs(by: Membership, runs: Sequence[Run], now: datetime) -> list[Run]:
    """Delete the runs, all or none, and give those that were not deleted before; what goes on in them is stopped.

    From now on they look like runs that there never were, to whoever has a link to them as well. Raises PermissionDenied.
    """
    _require(by, runs)
    gone = []
    for run in runs:
        if Run.objects.filter(pk=run.pk).update(deleted_at=now, deleted_by=by.user_id):
            cancel_run(run)
            record(run.team_id, "run.deleted", run, by=by, name="")
            gone.append(run)
    return gone


def deleted_runs(by: Membership) -> QuerySet[Run]:
    """Give the deleted runs that this person may have back, the newest deleted first."""
    rows = Run.every.filter(team=by.team_id, deleted_at__isnull=False, is_emptied=False)
    rows = rows if by.may_edit() else rows.filter(person=by.user_id)
    return rows.order_by("-deleted_at", "-id")


@transaction.atomic
def restore_run(by: Membership, run_id: str) -> Run:
    """Have a run back as it was, though stopped; the links to it live again that were not revoked. Raises Http404."""
    run = deleted_runs(by).select_for_update(of=("self",)).filter(pk=run_id).first()
    if run is None:
        raise Http404
    run.deleted_at = run.deleted_by = None
    run.save(update_fields=["deleted_at", "deleted_by"])
    record(run.team_id, "run.restored", run, by=by, name="")
    return run


def _require(by: Membership, runs: Sequence[Run]) -> None:
    if not all(run.team_id == by.team_id and may_act_in(by, run) for run in runs):
        raise PermissionDenied(NOT_YOURS)


def empty_deleted(now: datetime) -> int:
    """Empty runs that were deleted longer than `KEPT_FOR` ago and have come to their end; gives how many, at most 20."""
    due = Run.every.filter(deleted_at__lt=now - KEPT_FOR, is_emptied=False, is_open=False)
    found = list(due.order_by(F("deleted_at")).values_list("pk", flat=True)[:MOST])
    for run_id in found:
        _empty(run_id, now)
    return len(found)


@transaction.atomic
def _empty(run_id: str, now: datetime) -> None:
    rows = Run.every.select_for_update(of=("self",))
    run = rows.filter(pk=run_id, deleted_at__lt=now - KEPT_FOR, is_open=False).first()
    if run is None:
        return  # it was had back meanwhile
    for rows_of in (run.events, run.fusions, run.steps, run.answers, run.shares, run.comments, run.votes):
        rows_of.all().delete()
    for more in (run.stars, run.tagged):
        more.all().delete()
    for name in ("conversation", "document", "request"):
        if hasattr(run, name):
            getattr(run, name).delete()
    run.prompt = run.title = run.message = run.preset_name = run.idempotency_digest = ""
    run.settings, run.thread, run.pinned = {}, {}, {}
    run.verdict = run.guidance = run.idempotency_key = None
    run.is_emptied = run.is_thinned = True
    run.save()
