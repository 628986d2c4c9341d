"""Storing what runs report: many runs in one transaction, each write fenced, and none done twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import close_old_connections, transaction

from fusion_site.ops.log_facts import carrying
from fusion_site.ops.querying import DISTURBED, is_away
from fusion_site.runs.models import Event, Run

log = logging.getLogger(__name__)

Change = Callable[[], object]


class Fenced(Exception):
    """Somebody else has taken over this run: nothing that this process still knows of it may be written."""


class Away(Exception):
    """The database cannot be reached. The same may be written again when it is back."""


@dataclass
class Batch:
    """What one run has to write: numbered events, and the changes to rows that they report.

    `number` counts the batches of one claim from 1. A commit whose confirmation was lost is told by it from one that
    never came about.
    """

    run: str
    epoch: int
    number: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)


def write(batches: Sequence[Batch]) -> list[BaseException | None]:
    """Store the batches in one transaction; gives each one's failure. One that cannot be stored does not hold up the rest.

    Raises Away while the database is; the same batches may then be given again, whatever of them was stored.
    """
    close_old_connections()
    try:
        return _store(batches)
    except Exception as error:
        _tell_if_away(error)
        log.exception("a journal write failed; its runs are written one by one")
    return [_alone(batch) for batch in batches]


def _alone(batch: Batch) -> BaseException | None:
    try:
        return _store([batch])[0]
    except Exception as error:
        _tell_if_away(error)
        log.exception("a run could not be written", extra=carrying(run=batch.run))
        return error


def _tell_if_away(error: Exception) -> None:
    if isinstance(error, DISTURBED) and is_away():
        raise Away from error


@transaction.atomic
def _store(batches: Sequence[Batch]) -> list[BaseException | None]:
    new = [batch for batch in batches if _is_next(batch)]
    for batch in new:
        for change in batch.changes:
            change()
    Event.objects.bulk_create(Event(run_id=b.run, **event) for b in new for event in b.events)
    return [None if batch in new or _was_stored(batch) else Fenced(batch.run) for batch in batches]


def _is_next(batch: Batch) -> bool:
    """Move the run on; the fencing number is checked by the very write that takes the row's lock."""
    fields = {**batch.fields, "written": batch.number}
    if batch.events:
        fields["seq"] = batch.events[-1]["seq"]
    expected = Run.objects.filter(pk=batch.run, epoch=batch.epoch, written=batch.number - 1)
    return expected.update(**fields) > 0


def _was_stored(batch: Batch) -> bool:
    """Whether an earlier try had stored the batch, though the confirmation did not come through."""
    return Run.objects.filter(pk=batch.run, epoch=batch.epoch, written__gte=batch.number).exists()
