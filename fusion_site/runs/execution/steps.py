"""The rows of the judge's calls: begun, taken on by a server, over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone

from fusion_site.engine.asking import Message, ModelRef
from fusion_site.engine.events import StepAccepted, StepFinished, StepRecalled, StepStarted
from fusion_site.engine.sight import seen_by
from fusion_site.runs.execution.journal import RunLog
from fusion_site.runs.execution.verdicts import IdOf, shown_json, storable
from fusion_site.runs.frozen import result_to_json
from fusion_site.runs.models import Run, Step
from fusion_site.runs.shapes import served_json
from fusion_site.runs.spent import Spent


class StepLog:
    """Writes down the calls by the judge in one pass of a run; nothing but their rows tells of them."""

    def __init__(self, run: Run, log: RunLog, spent: Spent, id_of: IdOf, blind: Collection[ModelRef]) -> None:
        self._run, self._log, self._spent, self._id_of = run, log, spent, id_of
        self._blind = blind

    def started(self, event: StepStarted) -> None:
        """Write down what a call asks, before it is sent."""
        self._spent.begin(event.name, event.connection)
        shown = shown_json(event.shown, self._id_of)
        sent = seen_by(event.messages, ModelRef(event.connection, event.model), self._blind)
        asked = {"messages": storable([_told(message) for message in sent]), "shown": shown}
        self._log.change(partial(_begin, self._run.pk, event, self._run.version, asked, timezone.now()))

    def recalled(self, event: StepRecalled) -> None:
        """Write down that a call which was made before counts here too."""
        self._log.change(partial(_recall, self._run.pk, event.name, self._run.version))

    def accepted(self, event: StepAccepted) -> None:
        """Write down by which name a call can be asked for afterwards."""
        self._log.change(partial(_accept, self._run.pk, event))

    def finished(self, event: StepFinished) -> None:
        """Write down what came back, raw, and what it cost."""
        cost = self._spent.end(event.name, event.result.cost_usd)
        self._log.change(partial(_finish, self._run.pk, event, cost, timezone.now()), urgent=True)


def _told(message: Message) -> dict[str, Any]:
    """Give a message as it is kept: of its pictures the names."""
    pictures = {"pictures": [picture.name for picture in message.pictures]} if message.pictures else {}
    return {"role": message.role, "content": message.content, **pictures}


def _begin(run_id: str, event: StepStarted, version: int, asked: dict[str, Any], at: datetime) -> None:
    begun = {"model": event.model, "connection": event.connection, "outcome": "", "started_at": at}
    again = {**begun, "attempt": F("attempt") + 1, "generation_id": "", "cost_usd": None, "finished_at": None}
    # Nobody else writes this run's rows: the lock of the run is held.
    if _named(run_id, event.name).update(**again):
        _recall(run_id, event.name, version)
        return
    Step.objects.create(run_id=run_id, name=event.name, versions=[version], **begun, **asked)


def _recall(run_id: str, name: str, version: int) -> None:
    for versions in _named(run_id, name).values_list("versions", flat=True):
        if version not in versions:
            _named(run_id, name).update(versions=[*versions, version])


def _named(run_id: str, name: str) -> QuerySet[Step]:
    return Step.objects.filter(run_id=run_id, name=name, is_replaced=False)


def _accept(run_id: str, event: StepAccepted) -> None:
    known = served_json(event.accepted)["generation_id"]
    _named(run_id, event.name).update(generation_id=known)


def _finish(run_id: str, event: StepFinished, cost: Decimal | None, at: datetime) -> None:
    _named(run_id, event.name).update(
        finished_at=at,
        result=result_to_json(event.result),
        outcome=event.result.outcome.value,
        cost_usd=cost,
        generation_id=served_json(event.result)["generation_id"],
    )
