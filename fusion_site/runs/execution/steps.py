"""The rows of the judge's calls: begun, taken on by a server, over."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, QuerySet

from fusion_site.engine.events import StepAccepted, StepFinished, StepStarted
from fusion_site.runs.execution.verdicts import storable
from fusion_site.runs.frozen import result_to_json
from fusion_site.runs.models import Step
from fusion_site.runs.shapes import served_json


def begin_step(
    run_id: str, event: StepStarted, version: int, shown: list[dict[str, Any]], at: datetime
) -> None:
    """Store what a call asks, before it is sent; one that an earlier attempt left unfinished begins again."""
    begun = {"model": event.model, "connection": event.connection, "outcome": "", "started_at": at}
    again = {**begun, "attempt": F("attempt") + 1, "generation_id": "", "cost_usd": None, "finished_at": None}
    # Nobody else writes this run's rows: the lock of the run is held.
    if _named(run_id, event.name).update(**again):
        recall_step(run_id, event.name, version)
        return
    messages = storable([{"role": m.role, "content": m.content} for m in event.messages])
    asked = {"messages": messages, "shown": shown, "versions": [version]}
    Step.objects.create(run_id=run_id, name=event.name, **begun, **asked)


def recall_step(run_id: str, name: str, version: int) -> None:
    """Store that a call which was made before has a part in this version of the fused answer too."""
    for versions in _named(run_id, name).values_list("versions", flat=True):
        if version not in versions:
            _named(run_id, name).update(versions=[*versions, version])


def _named(run_id: str, name: str) -> QuerySet[Step]:
    return Step.objects.filter(run_id=run_id, name=name, is_replaced=False)


def accept_step(run_id: str, event: StepAccepted) -> None:
    """Store by which name the call can be asked for afterwards."""
    known = served_json(event.accepted)["generation_id"]
    _named(run_id, event.name).update(generation_id=known)


def finish_step(run_id: str, event: StepFinished, cost: Decimal | None, at: datetime) -> None:
    """Store what came back, raw, and what it cost."""
    _named(run_id, event.name).update(
        finished_at=at,
        result=result_to_json(event.result),
        outcome=event.result.outcome.value,
        cost_usd=cost,
        generation_id=served_json(event.result)["generation_id"],
    )
