"""The rows of the judge's calls: begun, taken on by a server, over."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import F

from fusion_site.engine.events import StepAccepted, StepFinished, StepStarted
from fusion_site.runs.frozen import result_to_json
from fusion_site.runs.models import Step
from fusion_site.runs.shapes import served_json


def begin_step(run_id: str, event: StepStarted) -> None:
    """Store that a call begins; one that an earlier attempt left unfinished begins again."""
    begun = {"model": event.model, "connection": event.connection, "outcome": ""}
    again = {**begun, "attempt": F("attempt") + 1, "generation_id": "", "cost_usd": None}
    # Nobody else writes this run's rows: the lock of the run is held.
    if not Step.objects.filter(run_id=run_id, name=event.name).update(**again):
        Step.objects.create(run_id=run_id, name=event.name, **begun)


def accept_step(run_id: str, event: StepAccepted) -> None:
    """Store by which name the call can be asked for afterwards."""
    known = served_json(event.accepted)["generation_id"]
    Step.objects.filter(run_id=run_id, name=event.name).update(generation_id=known)


def finish_step(run_id: str, event: StepFinished, cost: Decimal | None) -> None:
    """Store what came back, raw, and what it cost."""
    Step.objects.filter(run_id=run_id, name=event.name).update(
        result=result_to_json(event.result),
        outcome=event.result.outcome.value,
        cost_usd=cost,
        generation_id=served_json(event.result)["generation_id"],
    )
