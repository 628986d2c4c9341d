"""Reading a team's audit trail: by kind, person and time, a page at a time or as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import orjson
from django.db.models import Q, QuerySet

from fusion_site.accounts.audit_chain import plain_entry
from fusion_site.accounts.models import AuditEntry, Team
from fusion_site.ops.querying import query

# Rows that an export reads at a time.
BATCH = 500
COLUMNS = (
    "at",
    "actor",
    "action",
    "object_kind",
    "object_id",
    "object_name",
    "details",
    "door",
    "token",
    "address",
    "digest",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are wanted: of a kind, by a person (the address, or a part of it), within days of UTC, both included."""

    kind: str = ""
    person: str = ""
    since: date | None = None
    until: date | None = None

    def of(self, team: Team) -> QuerySet[AuditEntry]:
        """Give the team's entries that are wanted, the newest first."""
        wanted = Q()
        if self.kind:
            wanted &= Q(kind=self.kind)
        if self.person:
            wanted &= Q(actor__icontains=self.person)
        if self.since:
            wanted &= Q(at__gte=_midnight(self.since))
        if self.until:
            wanted &= Q(at__lt=_midnight(self.until + timedelta(days=1)))
        return AuditEntry.objects.filter(wanted, team=team).order_by("-id")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def json_line(entry: AuditEntry) -> bytes:
    """Give an entry as one line of JSON."""
    return orjson.dumps(plain_entry(entry)) + b"\n"


def csv_line(entry: AuditEntry) -> bytes:
    """Give an entry as one line of CSV (RFC 4180), in the order of COLUMNS; details are JSON."""
    plain = plain_entry(entry) | {"details": orjson.dumps(entry.details).decode()}
    return _csv([_cell(plain[name]) for name in COLUMNS])


def _cell(value: str | None) -> str:
    """Give a cell that no spreadsheet takes for a formula: names are what people type."""
    text = value or ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _csv(cells: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


@dataclass(frozen=True, slots=True)
class Form:
    """A form of export."""

    content_type: str
    head: bytes
    line: Callable[[AuditEntry], bytes]


FORMS: Mapping[str, Form] = {
    "csv": Form("text/csv; charset=utf-8", _csv(list(COLUMNS)), csv_line),
    "jsonl": Form("application/jsonl", b"", json_line),
}


async def exported(entries: QuerySet[AuditEntry], form: Form) -> AsyncGenerator[bytes, None]:
    """Yield the file piece by piece, so that a trail of any length takes little memory and no long transaction."""
    yield form.head
    last: int | None = None
    while batch := await query(_batch, entries, last):
        last = batch[-1].pk
        yield b"".join(form.line(entry) for entry in batch)


def _batch(entries: QuerySet[AuditEntry], last: int | None) -> list[AuditEntry]:
    return list((entries if last is None else entries.filter(pk__lt=last))[:BATCH])
