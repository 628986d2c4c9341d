"""A person goes over to working in another of their teams."""

from __future__ import annotations

from django.http import HttpRequest

from fusion_site.accounts.access import SESSION_TEAM, memberships_of
from fusion_site.accounts.models import Membership


def switch_team(request: HttpRequest, team_id: str) -> Membership | None:
    """Keep the team in the session for the requests to come; None, and nothing changed, if it is not theirs."""
    place = next((place for place in memberships_of(request) if place.team_id == team_id), None)
    if place is not None:
        request.session[SESSION_TEAM] = team_id
    return place
