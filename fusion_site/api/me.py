"""`/api/v1/me`: who a token speaks for."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router, Schema

from fusion_site.api.doors import caller

router = Router(tags=["me"])


class TeamOut(Schema):
    """The token's team, and what its person may do there."""

    slug: str
    name: str
    role: str


class MeOut(Schema):
    """A person in a team."""

    email: str
    team: TeamOut


@router.get("", response=MeOut, summary="Who this token speaks for")
def me(request: HttpRequest) -> MeOut:
    """Give the person and the one team that the token belongs to."""
    place = caller(request).membership
    team = TeamOut(slug=place.team.slug, name=place.team.name, role=place.role)
    return MeOut(email=caller(request).token.user.email, team=team)
