"""What a thing was before, and back to that; the same for all four kinds, and for what is deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fusion_site.accounts.access import membership_in, signed_in, visible
from fusion_site.accounts.models import Membership
from fusion_site.pools.flows.restore import draft_from
from fusion_site.pools.flows.restore import restore as restore_version
from fusion_site.pools.history import Entry, changes_of, entries
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Named, Version
from fusion_site.pools.naming import is_id
from fusion_site.pools.views.editing import form_page
from fusion_site.pools.views.reach import person
from fusion_site.pools.views.things import Thing

ENTRIES_PER_PAGE = 20


@signed_in
@require_safe
def history(request: HttpRequest, thing: Thing, row_id: str) -> HttpResponseBase:
    """Show the versions of a thing, newest first, with what each changed, by whom and when."""
    versions, row, place = _reached(request, thing, row_id)
    before = request.GET.get("before", "")
    from_number = int(before) if before.isdecimal() and len(before) < 9 else None
    found = entries(versions, row, most=ENTRIES_PER_PAGE, before=from_number)
    more = len(found) == ENTRIES_PER_PAGE and found[-1].number > 1
    context = {
        "entries": found,
        "older": found[-1].number if more else None,
        "is_newest": from_number is None,
    }
    return render(request, "pools/history.html", {**_page(thing, row_id, row, place, found), **context})


@signed_in
@require_safe
def version(request: HttpRequest, thing: Thing, row_id: str, number: int) -> HttpResponseBase:
    """Show one version as a whole, and what has changed since."""
    versions, row, place = _reached(request, thing, row_id)
    entry = _entry(versions, row, number)
    newest = entries(versions, row, most=1)
    since = changes_of(newest[0].version, entry.version) if newest[0].number != number else []
    context = {"entry": entry, "whole": changes_of(entry.version, None), "since": since, "newest": newest[0]}
    return render(request, "pools/version.html", {**_page(thing, row_id, row, place, newest), **context})


@signed_in
@require_POST
def restore(request: HttpRequest, thing: Thing, row_id: str, number: int) -> HttpResponseBase:
    """Save the thing as it was; where that cannot be, show its form filled with that, and what is wrong with it."""
    versions, row, place = _reached(request, thing, row_id)
    kept = _entry(versions, row, number).version
    try:
        saved = restore_version(place, kept)
    except Invalid as error:
        draft = draft_from(kept)
        return form_page(request, thing, place, row, draft, errors=error.fields)
    said = f"version {number} again" if row else "back"
    messages.success(request, f"The {thing.noun} “{saved.name}” is {said}.")
    return redirect(thing.url("edit", saved))


def _reached(
    request: HttpRequest, thing: Thing, row_id: str
) -> tuple[QuerySet[Version], Named | None, Membership]:
    """Give a thing's versions, the thing unless it is deleted, and the person's place in its team; else Http404."""
    if not is_id(row_id):
        raise Http404
    row = visible(thing.model, person(request)).filter(pk=row_id).first()
    versions = visible(Version, person(request)).filter(kind=thing.noun, thing=row_id)
    some = row or versions.first()
    place = membership_in(person(request), some.team_id) if some else None
    if place is None:
        raise Http404
    return versions, row, place


def _entry(versions: QuerySet[Version], row: Named | None, number: int) -> Entry:
    found = entries(versions, row, most=1, before=number + 1) or entries(versions, row, most=1)
    if not found or found[0].number != number:
        raise Http404
    return found[0]


def _page(
    thing: Thing, row_id: str, row: Named | None, place: Membership, found: list[Entry]
) -> dict[str, Any]:
    name = row.name if row else found[0].version.name
    return {"thing": thing, "row_id": row_id, "row": row, "name": name, "may_edit": place.may_edit()}
