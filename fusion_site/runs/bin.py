"""What a team has deleted and can have back, of all kinds in one list, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from fusion_site.accounts.models import Membership
from fusion_site.pools.flows.delete import KEPT_FOR as THINGS_KEPT_FOR
from fusion_site.pools.flows.delete import ends
from fusion_site.pools.flows.restore import restore
from fusion_site.pools.history import who
from fusion_site.pools.models import Version
from fusion_site.pools.naming import is_id
from fusion_site.runs.flows.delete import KEPT_FOR as RUNS_KEPT_FOR
from fusion_site.runs.flows.delete import deleted_runs, restore_run
from fusion_site.runs.models import Run
from fusion_site.runs.titles import titled

RUN = "run"


@dataclass(frozen=True)
class Gone:
    """Something deleted: a run, or what pools keep by name. After `until` it is forgotten."""

    kind: str
    id: str
    name: str
    deleted_at: datetime
    by: str | None
    until: datetime


def gone_things(
    place: Membership, limit: int, before: tuple[datetime, str] | None = None
) -> tuple[list[Gone], tuple[datetime, str] | None]:
    """Give the first `limit` of what this person sees as deleted, behind `before`, and from where the next ones follow."""
    things = ends().filter(team=place.team_id).order_by("-saved_at", "-thing").select_related("person")
    runs = deleted_runs(place).select_related("deleted_by").defer("settings", "verdict")
    found = [
        *map(_thing, _behind(things, "saved_at", "thing", before)[: limit + 1]),
        *map(_run, _behind(runs, "deleted_at", "id", before)[: limit + 1]),
    ]
    found.sort(key=lambda gone: (gone.deleted_at, gone.id), reverse=True)
    shown = found[:limit]
    return shown, (shown[-1].deleted_at, shown[-1].id) if len(found) > limit else None


def _behind(rows: QuerySet[Any], at: str, key: str, before: tuple[datetime, str] | None) -> QuerySet[Any]:
    if before is None:
        return rows
    moment, last = before
    return rows.filter(Q(**{f"{at}__lt": moment}) | Q(**{at: moment, f"{key}__lt": last}))


def _thing(version: Version) -> Gone:
    at = version.saved_at
    return Gone(version.kind, version.thing, version.name, at, who(version.person), at + THINGS_KEPT_FOR)


def _run(run: Run) -> Gone:
    assert run.deleted_at is not None
    until = run.deleted_at + RUNS_KEPT_FOR
    return Gone(RUN, run.pk, titled(run), run.deleted_at, who(run.deleted_by), until)


@transaction.atomic
def have_back(place: Membership, thing_id: str) -> Gone:
    """Have something back under its own id, and give it as it was in the list.

    Raises Http404, and for what pools keep Invalid where it cannot be now, and PermissionDenied for viewers.
    """
    if not is_id(thing_id):
        raise Http404
    version = ends().select_related("person").filter(team=place.team_id, thing=thing_id).first()
    if version is not None:
        restore(place, version)
        return _thing(version)
    run = deleted_runs(place).filter(pk=thing_id).first()
    if run is None:
        raise Http404
    gone = _run(run)
    restore_run(place, thing_id)
    return gone
