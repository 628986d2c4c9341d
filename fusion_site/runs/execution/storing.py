"""Storing what runs report: many runs in one transaction, each write fenced, and none done twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from fusion_site.ops.log_facts import carrying
from fusion_site.ops.querying import DISTURBED, give_back, is_away
from fusion_site.runs.models import Event, Run

log = logging.getLogger(__name__)

Change = Callable[[], object]
_MOVE_ON = (
    f"UPDATE {Run._meta.db_table} SET seq = %s, state = %s, written = %s"  # noqa: S608 - no value is in it
    " WHERE id = %s AND epoch = %s AND written = %s"
)
_ADD = f"INSERT INTO {Event._meta.db_table} (run_id, seq, kind, data) VALUES (%s, %s, %s, %s)"  # noqa: S608 - likewise


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
    give_back()
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
    new = _moved_on(batches)
    for batch in new:
        for change in batch.changes:
            change()
    _add_events(new)
    return [None if batch in new or _was_stored(batch) else Fenced(batch.run) for batch in batches]


def _add_events(batches: Sequence[Batch]) -> None:
    """Add the events' rows; some thousand may come in a second, and making models of them costs most of the time."""
    rows = [(b.run, e["seq"], e["kind"], json.dumps(e["data"])) for b in batches for e in b.events]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_ADD, rows)


def _moved_on(batches: Sequence[Batch]) -> list[Batch]:
    """Move the runs on, and give the batches that are to be stored.

    Nearly all batches hold text that was written, and nobody has taken their runs over: those are moved on together.
    """
    plain = [batch for batch in batches if batch.events and batch.fields.keys() == {"state"}]
    done = {batch.run for batch in plain} if len(plain) > 1 and _all_are_next(plain) else set()
    return [batch for batch in batches if batch.run in done or _is_next(batch)]


def _all_are_next(plain: Sequence[Batch]) -> bool:
    """Move all of these runs on by one statement, or none of them where one is not as it should be."""
    rows = [(b.events[-1]["seq"], b.fields["state"], b.number, b.run, b.epoch, b.number - 1) for b in plain]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_MOVE_ON, rows)
        is_whole = bool(cursor.rowcount == len(rows))
        transaction.set_rollback(not is_whole)
    return is_whole


def _is_next(batch: Batch) -> bool:
    """Move the run on; the fencing number is checked by the very write that takes the row's lock."""
    fields = {**batch.fields, "written": batch.number}
    if batch.events:
        fields["seq"] = batch.events[-1]["seq"]
    expected = Run.every.filter(pk=batch.run, epoch=batch.epoch, written=batch.number - 1)
    return expected.update(**fields) > 0


def _was_stored(batch: Batch) -> bool:
    """Whether an earlier try had stored the batch, though the confirmation did not come through."""
    return Run.every.filter(pk=batch.run, epoch=batch.epoch, written__gte=batch.number).exists()
