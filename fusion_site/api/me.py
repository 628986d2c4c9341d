"""`/api/v1/me`: who a token speaks for."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Schema

from fusion_site.accounts.flows.rename_person import rename_person
from fusion_site.api.doors import Given, caller

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
    name: str = Field(description="By which others see the person; empty where they gave none.")
    team: TeamOut
    token: TokenOut


class MeGiven(Given):
    """What a person may say of themselves."""

    name: str | None = None


@router.get("", response=MeOut, summary="Who this token speaks for")
def me(request: HttpRequest) -> MeOut:
    """Give the person and the one team that the token belongs to."""
    place = caller(request).membership
    team = TeamOut(slug=place.team.slug, name=place.team.name, role=place.role)
    held = caller(request).token
    token = TokenOut(name=held.name, scopes=held.scopes, expires_at=held.expires_at)
    return MeOut(email=held.user.email, name=held.user.name, team=team, token=token)


@router.patch("", response=MeOut, summary="Change one's name")
def change_me(request: HttpRequest, payload: MeGiven) -> MeOut:
    """Change by which name others see the token's person; null or an empty one takes it away."""
    given = payload.given()
    if "name" in given:
        rename_person(caller(request).token.user, given["name"] or "")
    return me(request)
