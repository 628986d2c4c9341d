"""Learning afterwards what calls of finished runs cost: which ones are to be asked for, and keeping what was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from fusion_site.pools.models import Connection, Kind
from fusion_site.providers import Generation
from fusion_site.runs.frozen import settings_of
from fusion_site.runs.models import UNPRICED, Answer, Event, Run, Step
from fusion_site.runs.shapes import money
from fusion_site.runs.spent import Spent, kept_cost

# A call whose cost is not told this long after its run was over stays unknown.
TOLD_WITHIN = timedelta(hours=1)
MOST = 200


@dataclass(frozen=True, slots=True)
class CutCall:
    """A call of a finished run whose cost nobody knows: the answer or the judge's step `row`."""

    run: str
    finished_at: datetime
    generation_id: str
    connection: str
    kind: type[Answer] | type[Step]
    row: str | int


Bill = tuple[CutCall, Generation]


def cut_calls(now: datetime) -> list[CutCall]:
    """Give the calls that OpenRouter can still be asked for at `now`; the rows alone say which, also after a restart."""
    found = [*_cut_answers(now - TOLD_WITHIN), *_cut_steps(now - TOLD_WITHIN)]
    asked = {call.connection for call in found}
    known = Connection.objects.filter(pk__in=asked, kind=Kind.OPENROUTER).values_list("pk", flat=True)
    routers = set(known)
    return [call for call in found if call.connection in routers]


def _cut_answers(since: datetime) -> list[CutCall]:
    rows = Answer.objects.filter(UNPRICED, run__finished_at__gt=since, run__is_open=False)
    names = ("pk", "member", "generation_id", "run_id", "run__finished_at", "run__settings__members")
    return [
        CutCall(run, ended, name, members[member]["model"]["connection"], Answer, key)
        for key, member, name, run, ended, members in rows.values_list(*names)[:MOST]
    ]


def _cut_steps(since: datetime) -> list[CutCall]:
    rows = Step.objects.filter(UNPRICED, run__finished_at__gt=since, run__is_open=False)
    names = ("pk", "connection", "generation_id", "run_id", "run__finished_at")
    return [
        CutCall(run, ended, name, connection, Step, key)
        for key, connection, name, run, ended in rows.values_list(*names)[:MOST]
    ]


@transaction.atomic
def keep_bills(run_id: str, bills: Sequence[Bill]) -> dict[str, Any] | None:
    """Store what calls of one run cost, with the event that says so; gives the event, or None if nothing changed.

    A run that is worked on is left alone: it has a writer of its own.
    """
    run = Run.every.select_for_update().filter(pk=run_id).first()
    if run is None or run.is_open:
        return None
    kept = [_keep(call, generation) for call, generation in bills]
    if not any(kept):
        return None
    spent = Spent(run, settings_of(run), run.answers.all())
    told = [{"answer": row.pk, **_told(row)} for row in kept if isinstance(row, Answer)]
    data = {"run": run.pk, "at": timezone.now().isoformat(), "reason": "cost", "answers": told}
    event = {"seq": run.seq + 1, "kind": "run.updated", "data": {**data, **spent.data(final=True)}}
    Event.objects.create(run=run, **event)
    Run.every.filter(pk=run.pk).update(seq=run.seq + 1, **spent.fields(final=True))
    return event


def _keep(call: CutCall, generation: Generation) -> Answer | Step | None:
    """Store one bill, unless the cost is known by now or the call was made again."""
    cost = kept_cost(generation.cost_usd)
    rows = call.kind.objects.filter(UNPRICED, pk=call.row, generation_id=call.generation_id)
    row = rows.first()
    if cost is None or row is None:
        return None
    row.cost_usd = cost
    if isinstance(row, Answer):
        _fill(row, generation)
        row.save(update_fields=["cost_usd", "usage", "provider"])
        return row
    if row.result is not None:
        row.result = {**row.result, "cost_usd": money(cost)}
    row.save(update_fields=["cost_usd", "result"])
    return row


def _fill(answer: Answer, generation: Generation) -> None:
    """Add what the stream did not come to say; what it said stays."""
    said = {name: count for name, count in answer.usage.items() if count is not None}
    answer.usage = {**asdict(generation.usage), **said}
    answer.provider = answer.provider or (generation.provider or "")[:120]


def _told(answer: Answer) -> dict[str, Any]:
    cost: Decimal | None = answer.cost_usd
    return {"cost_usd": money(cost), "usage": answer.usage, "provider": answer.provider}
