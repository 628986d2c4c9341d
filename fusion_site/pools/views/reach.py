"""How a page gets at a row: through the viewer's own memberships, or not at all."""

from __future__ import annotations

from django.http import Http404, HttpRequest

from fusion_site.accounts.access import membership_in, visible
from fusion_site.accounts.models import Membership, User
from fusion_site.pools.models import Named
from fusion_site.pools.naming import is_id
from fusion_site.pools.views.things import Thing


def person(request: HttpRequest) -> User:
    """Give the signed-in person; only for views behind `signed_in`."""
    assert isinstance(request.user, User)
    return request.user


def reached(request: HttpRequest, thing: Thing, row_id: str) -> tuple[Named, Membership]:
    """Give a row of any of the person's teams and their place there; Http404 alike for a foreign and an absent one."""
    rows = visible(thing.model, person(request)).select_related("team")
    row = rows.filter(pk=row_id).first() if is_id(row_id) else None
    place = membership_in(person(request), row.team_id) if row else None
    if row is None or place is None:
        raise Http404
    return row, place
