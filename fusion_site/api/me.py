"""`/api/v1/me`: who a token speaks for."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Schema

from fusion_site.api.doors import caller

router = Router(tags=["me"])


class TeamOut(Schema):
    """The token's team, and what its person may do there."""

    slug: str
    name: str
    role: str


class TokenOut(Schema):
    """The token itself: what it is called, what it may do, and until when."""

    name: str
    scopes: list[str] = Field(description="Of `run`, `read` and `manage`.")
    expires_at: datetime | None = Field(description="null for a token from before tokens expired.")


class MeOut(Schema):
    """A person in a team, and the token that speaks for them."""

    email: str
    team: TeamOut
    token: TokenOut


@router.get("", response=MeOut, summary="Who this token speaks for")
def me(request: HttpRequest) -> MeOut:
    """Give the person and the one team that the token belongs to."""
    place = caller(request).membership
    team = TeamOut(slug=place.team.slug, name=place.team.name, role=place.role)
    held = caller(request).token
    token = TokenOut(name=held.name, scopes=held.scopes, expires_at=held.expires_at)
    return MeOut(email=held.user.email, team=team, token=token)
