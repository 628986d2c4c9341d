"""`/api/v1/<things>/{id}/versions`: what a connection, pool, judge or preset was before, and back to that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from ninja import Field as Described
from ninja import Query, Router, Schema

from fusion_site.api.doors import caller
from fusion_site.pools.differences import Difference
from fusion_site.pools.flows.restore import MODELS, restore
from fusion_site.pools.history import Entry, entries
from fusion_site.pools.models import Named, Version
from fusion_site.pools.naming import is_id

MOST = 50

Shown = Callable[[Any], dict[str, Any]]


class DifferenceOut(Schema):
    """One thing that differs, in the words of the pages; null is not there at all."""

    what: str
    was: str | None
    now: str | None


class VersionBrief(Schema):
    """A version, and what it changed of the one before; the first one tells all that was set."""

    number: int
    saved_at: datetime
    by: str | None = Described(
        description="Who saved it; null is the site itself, or not known, as of what is older than versions."
    )
    note: str = Described(description="How it came about, where somebody did not simply save it.")
    changes: list[DifferenceOut]


class VersionOut(VersionBrief):
    """A version as a whole: `data` is what could be given again, `names` those of what it refers to, by id."""

    data: dict[str, Any]
    names: dict[str, str]


class VersionPage(Schema):
    """A thing's versions, newest first. `next` is the number to give as `before`."""

    items: list[VersionBrief]
    next: int | None


class VersionQuery(Schema):
    """Which versions are wanted."""

    before: int | None = Described(None, ge=1, description="`next` of the page before.")


def add_versions(router: Router, kind: str, shown: Shown, out: type[Schema]) -> None:
    """Give a kind's router the addresses of its versions; `shown` gives a row in the shape of `out`."""

    def list_versions(request: HttpRequest, thing_id: str, wanted: Query[VersionQuery]) -> dict[str, Any]:
        versions, row = _history(request, kind, thing_id)
        found = entries(versions, row, most=MOST, before=wanted.before)
        more = len(found) == MOST and found[-1].number > 1
        return {"items": [_brief(entry) for entry in found], "next": found[-1].number if more else None}

    def read_version(request: HttpRequest, thing_id: str, number: int) -> dict[str, Any]:
        entry = _entry(request, kind, thing_id, number)
        return {**_brief(entry), "data": entry.version.data, "names": entry.version.names}

    def restore_version(request: HttpRequest, thing_id: str, number: int) -> dict[str, Any]:
        entry = _entry(request, kind, thing_id, number)
        return shown(restore(caller(request).membership, entry.version))

    described: Sequence[tuple[Any, str, str, type[Schema], str]] = (
        (list_versions, "GET", "", VersionPage, f"Give the versions of a {kind}, newest first."),
        (read_version, "GET", "/{int:number}", VersionOut, f"Give one version of a {kind}."),
        (restore_version, "POST", "/{int:number}/restore", out, f"Save a {kind} as it was at that version."),
    )
    for view, method, path, response, summary in described:
        router.add_api_operation(
            f"/{{thing_id}}/versions{path}",
            [method],
            view,
            response=response,
            summary=summary,
            operation_id=f"{view.__name__}_of_{kind}",
        )


def _history(request: HttpRequest, kind: str, thing_id: str) -> tuple[QuerySet[Version], Named | None]:
    """Give a thing's versions, and the thing where it is not deleted; Http404 alike for a foreign and an absent one."""
    if not is_id(thing_id):
        raise Http404
    team = caller(request).membership.team_id
    row = MODELS[kind]._default_manager.filter(team=team, pk=thing_id).first()
    versions = Version.objects.filter(team=team, kind=kind, thing=thing_id)
    if row is None and not versions.exists():
        raise Http404
    return versions, row


def _entry(request: HttpRequest, kind: str, thing_id: str, number: int) -> Entry:
    versions, row = _history(request, kind, thing_id)
    found = entries(versions, row, most=1, before=number + 1) or entries(versions, row, most=1)
    if not found or found[0].number != number:
        raise Http404
    return found[0]


def _brief(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "saved_at": entry.saved_at,
        "by": entry.who,
        "note": entry.note,
        "changes": [difference_json(each) for each in entry.changes],
    }


def difference_json(difference: Difference) -> dict[str, Any]:
    """Give a difference as programs read it."""
    return {"what": difference.what, "was": difference.was, "now": difference.now}
