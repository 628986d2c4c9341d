"""A person goes over to working in another of their teams."""

from __future__ import annotations

from django.http import HttpRequest

from fusion_site.accounts.access import SESSION_TEAM, forget_memberships, memberships_of
from fusion_site.accounts.models import Membership, User


def switch_team(request: HttpRequest, team_id: str) -> Membership | None:
    """Go over to a team of the signed-in person; None, and nothing changed, if it is not theirs or not open."""
    forget_memberships(request)
    place = next((place for place in memberships_of(request) if place.team_id == team_id), None)
    if place is not None:
        work_in(request, place)
    return place


def work_in(request: HttpRequest, place: Membership) -> None:
    """Have the person of this place work in its team: in this session, and from the next sign-in on anywhere."""
    request.session[SESSION_TEAM] = place.team_id
    User.objects.filter(pk=place.user_id).update(last_team=place.team_id)
