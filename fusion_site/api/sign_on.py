"""`/api/v1/team/sign-on`: by which service of their own the team's people sign in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from fusion_site.accounts.flows.owning import require_owner
from fusion_site.accounts.flows.settle_sign_on import remove_sign_on, settle_what_answers
from fusion_site.accounts.models import Membership, SignOn
from fusion_site.accounts.sign_on import plain_sign_on, redirect_uri
from fusion_site.api.doors import Given, caller

router = Router(tags=["team"])


class SignOnGiven(Given):
    """What an owner says of the service. A field that is not sent stays as it is."""

    issuer: str | None = Field(None, description="The service's address, as it names itself.")
    client_id: str | None = None
    secret: str | None = Field(
        None, description="Kept sealed for the issuer's origin and never told; null keeps the stored one."
    )
    role: str | None = Field(None, description="As what newcomers join: viewer or editor; null is viewer.")


class SignOnOut(Schema):
    """The service, all null where there is none."""

    issuer: str | None
    client_id: str | None
    role: str | None
    redirect_uri: str = Field(description="Where the service leads people back to; it has to be told.")


@router.get("/sign-on", response=SignOnOut)
def read_sign_on(request: HttpRequest) -> dict[str, Any]:
    """Give the team's service; for owners."""
    return _shown(request, _owner(request))


@router.patch("/sign-on", response=SignOnOut)
def change_sign_on(request: HttpRequest, payload: SignOnGiven) -> dict[str, Any]:
    """Set the service up, or change it, once it has answered as what it is said to be; for owners."""
    place = _owner(request)
    settle_what_answers(place, _given(place, payload))
    return _shown(request, place)


@router.delete("/sign-on", response={204: None})
def end_sign_on(request: HttpRequest) -> None:
    """Let nobody sign in by it any more; for owners. Who is in the team stays, and sessions go on."""
    remove_sign_on(caller(request).membership)


def _owner(request: HttpRequest) -> Membership:
    place = caller(request).membership
    require_owner(place, "decide how its people sign in")
    return place


def _given(place: Membership, payload: SignOnGiven) -> dict[str, Any]:
    given = payload.given()
    if given.get("role", "") is None:
        given["role"] = "viewer"
    return {"role": "viewer", **plain_sign_on(_row(place)), **given}


def _shown(request: HttpRequest, place: Membership) -> dict[str, Any]:
    row = _row(place)
    nothing = dict.fromkeys(("issuer", "client_id", "role"))
    return {**nothing, **plain_sign_on(row), "redirect_uri": redirect_uri(request, row)}


def _row(place: Membership) -> SignOn:
    return SignOn.objects.filter(team=place.team_id).first() or SignOn(team=place.team)
