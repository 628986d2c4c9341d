"""`/api/v1/team/people` and `/api/v1/team/invitations`: who is in the token's team, and who may join it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from fusion_site.accounts.flows.change_role import change_role, hand_over
from fusion_site.accounts.flows.invite import DAYS, invite, revoke_invitation
from fusion_site.accounts.flows.leave_team import remove_person
from fusion_site.accounts.flows.mail_invitation import mail_invitation
from fusion_site.accounts.flows.owning import require_owner
from fusion_site.accounts.models import Invitation, Membership, Role
from fusion_site.accounts.team_pages.invitations import link_to
from fusion_site.api.doors import Given, caller
from fusion_site.api.paging import Paging, page

router = Router(tags=["team"])


class PersonOut(Schema):
    """A person in the team. `joined_at` is null where it is not known; `is_you` marks whom the token speaks for."""

    id: str
    email: str
    name: str
    role: str
    joined_at: datetime | None
    is_you: bool


class PeoplePage(Schema):
    """One page of people."""

    items: list[PersonOut]
    next: str | None


class RoleGiven(Given):
    """Another role."""

    model_config = ConfigDict(json_schema_extra={"required": ["role"]})

    role: str | None = Field(None, description="owner, editor or viewer.")


class NewInvitation(Given):
    """Whom an invitation is for. All has defaults: a link for one editor, good for seven days."""

    email: str | None = Field(
        None, description="For the person with this address alone; mailed there where the site sends mail."
    )
    role: str | None = Field(None, description="editor or viewer; null is editor.")
    days: int | None = Field(None, description=f"How long it is good; null is {DAYS}.")
    many: bool | None = Field(None, description="Whether more than one person may join by it.")


class InvitationOut(Schema):
    """An invitation by which people can join now. `most_uses` of null is any number."""

    id: str
    email: str | None
    role: str
    most_uses: int | None
    uses: int
    made_by: str | None
    made_at: datetime
    expires_at: datetime
    mailed_at: datetime | None


class MadeInvitation(InvitationOut):
    """A new invitation with its link, which is told now and never again."""

    url: str


class InvitationPage(Schema):
    """One page of invitations."""

    items: list[InvitationOut]
    next: str | None


def shown(place: Membership, you: int) -> dict[str, Any]:
    """Give a person as programs read them."""
    return {
        "id": place.ref,
        "email": place.user.email,
        "name": place.user.name,
        "role": place.role,
        "joined_at": place.joined_at,
        "is_you": place.user_id == you,
    }


def shown_invitation(row: Invitation) -> dict[str, Any]:
    """Give an invitation as programs read it."""
    return {
        "id": row.pk,
        "email": row.email or None,
        "role": row.role,
        "most_uses": row.most_uses,
        "uses": row.uses,
        "made_by": row.made_by.email if row.made_by else None,
        "made_at": row.made_at,
        "expires_at": row.expires_at,
        "mailed_at": row.mailed_at,
    }


@router.get("/people", response=PeoplePage)
def list_people(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give who is in the team, in the order in which they came."""
    place = caller(request).membership
    people = Membership.objects.filter(team=place.team_id).select_related("user")
    rows, following = page(people, paging, by=("id",))
    return {"items": [shown(row, place.user_id) for row in rows], "next": following}


@router.get("/people/{person_id}", response=PersonOut)
def read_person(request: HttpRequest, person_id: str) -> dict[str, Any]:
    """Give one person of the team."""
    place = caller(request).membership
    row = Membership.objects.filter(team=place.team_id, ref=person_id).select_related("user").first()
    if row is None:
        raise Http404
    return shown(row, place.user_id)


@router.patch("/people/{person_id}", response=PersonOut)
def change_person(request: HttpRequest, person_id: str, payload: RoleGiven) -> dict[str, Any]:
    """Give somebody another role, at once; for owners. 409 where the team would be without one."""
    place = caller(request).membership
    return shown(change_role(place, person_id, payload.role or ""), place.user_id)


@router.delete("/people/{person_id}", response={204: None})
def take_out(request: HttpRequest, person_id: str) -> None:
    """Remove somebody, for owners; or leave, where it is oneself. It takes effect at once, and their tokens of this team go."""
    remove_person(caller(request).membership, person_id)


@router.post("/people/{person_id}/hand-over", response=PersonOut)
def hand_to(request: HttpRequest, person_id: str) -> dict[str, Any]:
    """Make somebody owner in one's own place; for owners, who are editors afterwards."""
    place = caller(request).membership
    return shown(hand_over(place, person_id), place.user_id)


@router.get("/invitations", response=InvitationPage)
def list_invitations(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the invitations by which people can join now, the newest first; for owners."""
    place = caller(request).membership
    require_owner(place, "see its invitations")
    good = Invitation.objects.good().filter(team=place.team_id).select_related("made_by")
    rows, following = page(good, paging, by=("-made_at", "-id"))
    return {"items": [shown_invitation(row) for row in rows], "next": following}


@router.post("/invitations", response={201: MadeInvitation})
def create_invitation(request: HttpRequest, payload: NewInvitation) -> dict[str, Any]:
    """Invite somebody; for owners. The link is in this answer alone, and in the mail if one was sent (`mailed_at`)."""
    place = caller(request).membership
    invitation, token = invite(
        place,
        role=payload.role or Role.EDITOR,
        days=DAYS if payload.days is None else payload.days,
        many=bool(payload.many),
        email=payload.email or "",
    )
    link = link_to(token)
    mail_invitation(invitation, link)
    return {**shown_invitation(invitation), "url": link}


@router.delete("/invitations/{invitation_id}", response={204: None})
def end_invitation(request: HttpRequest, invitation_id: str) -> None:
    """Revoke an invitation; for owners. Nobody joins by it from now on."""
    revoke_invitation(caller(request).membership, invitation_id)
