"""How a page gets at a row: through the viewer's own memberships, or not at all."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from fusion_site.accounts.access import current_membership, membership_in, visible
from fusion_site.accounts.flows.switch_team import work_in
from fusion_site.accounts.models import Membership, User
from fusion_site.pools.models import Named
from fusion_site.pools.naming import is_id
from fusion_site.pools.views.things import Thing


def person(request: HttpRequest) -> User:
    """Give the signed-in person; only for views behind `signed_in`."""
    assert isinstance(request.user, User)
    return request.user


def to_list(request: HttpRequest, thing: Thing, place: Membership) -> HttpResponseBase:
    """Lead to the list of the team of `place`, in which the person works from now on: there is what was done."""
    if place.team_id != current_membership(request).team_id:
        work_in(request, place)
        messages.info(request, f"You are working in {place.team} now.")
    return redirect(thing.list_url())


def reached(request: HttpRequest, thing: Thing, row_id: str) -> tuple[Named, Membership]:
    """Give a row of any of the person's teams and their place there; Http404 alike for a foreign and an absent one."""
    rows = visible(thing.model, person(request)).select_related("team")
    row = rows.filter(pk=row_id).first() if is_id(row_id) else None
    place = membership_in(person(request), row.team_id) if row else None
    if row is None or place is None:
        raise Http404
    return row, place
