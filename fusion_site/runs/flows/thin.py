"""Letting go of what ended texts were told by, piece by piece: the whole texts stand on their own rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Event, Fusion, Run

# A program that was cut off can go on from any event for this long after a run's end; later it gets a snapshot.
KEPT_FOR = timedelta(hours=1)
PIECES = ("answer.delta", "answer.reasoning", "verdict.delta", "fused.delta")
# Runs thinned at a time, so that other writers get their turn in between.
MOST = 50


def thin_ended_runs(now: datetime) -> int:
    """Thin the runs that ended more than an hour before `now`, the oldest first; gives how many, at most 50."""
    due = Run.every.filter(finished_at__lt=now - KEPT_FOR, is_open=False, is_thinned=False)
    found = list(due.order_by("finished_at").values_list("pk", flat=True)[:MOST])
    for run_id in found:
        _thin(run_id)
    return len(found)


@transaction.atomic
def _thin(run_id: str) -> None:
    """Delete the pieces of one run. A fused answer that was never finished is told by them alone, and so is kept first."""
    if not Run.every.select_for_update().filter(pk=run_id, is_open=False).exists():
        return
    for version, fused in load_state(run_id).fusions.items():
        Fusion.objects.filter(run_id=run_id, version=version, finished=False).update(text=fused.text)
    Event.objects.filter(run_id=run_id, kind__in=PIECES).delete()
    Run.every.filter(pk=run_id).update(is_thinned=True)
