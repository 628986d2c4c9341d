"""Copying and deleting, the same for all four kinds."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from fusion_site.accounts.access import signed_in
from fusion_site.pools.flows.delete import delete as delete_row
from fusion_site.pools.flows.delete import users_of
from fusion_site.pools.flows.duplicate import duplicate as duplicate_row
from fusion_site.pools.invalid import InUse, Invalid
from fusion_site.pools.rights import require_editor
from fusion_site.pools.views.reach import reached, to_list
from fusion_site.pools.views.things import Thing


@signed_in
@require_POST
def duplicate(request: HttpRequest, thing: Thing, row_id: str) -> HttpResponseBase:
    """Make a copy and go to its form."""
    row, place = reached(request, thing, row_id)
    try:
        copy = duplicate_row(place, row)
    except Invalid as error:
        messages.error(request, " ".join(said for each in error.fields.values() for said in each))
        return to_list(request, thing, place)
    messages.success(request, f"This is the copy “{copy.name}”. Change what should differ.")
    return redirect(thing.url("edit", copy))


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, thing: Thing, row_id: str) -> HttpResponseBase:
    """Ask whether to delete, saying what still needs the thing; then delete."""
    row, place = reached(request, thing, row_id)
    require_editor(place)
    status = 200
    if request.method == "POST":
        try:
            delete_row(place, row)
        except InUse:
            status = 409
        else:
            # The tag is what the toast's Undo has back.
            messages.success(request, f"The {thing.noun} “{row.name}” is deleted.", extra_tags=row.pk)
            return to_list(request, thing, place)
    context = {"thing": thing, "row": row, "users": users_of(row)}
    return render(request, "pools/delete.html", context, status=status)
