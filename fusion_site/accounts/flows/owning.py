"""What the journeys of a team's people share: only owners decide, and a team is never without one."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404

from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.models import Membership, Role, Team

LAST_OWNER = "A team needs an owner. Make somebody else owner first."
OWN_SPACE = "A personal team stays with its person."


def require_owner(by: Membership, what: str) -> None:
    """Raise PermissionDenied for anyone but an owner; `what` completes “Only owners of the team may …”."""
    if not by.may_manage():
        raise PermissionDenied(f"Only owners of the team may {what}.")


def locked(by: Membership) -> tuple[Team, Membership]:
    """Give the team, locked until the transaction ends, and the place of `by` in it as it is now.

    Changes of a team's people wait for each other here, so that two owners cannot leave at once. Http404 when the place is
    gone, or the team closed.
    """
    team = Team.objects.select_for_update(no_key=True).filter(pk=by.team_id, removal_at=None).first()
    place = Membership.objects.select_related("user").filter(pk=by.pk).first()
    if team is None or place is None:
        raise Http404
    place.team = team
    return team, place


def place_in(team: Team, ref: str) -> Membership:
    """Give the place in this team that `ref` names; Http404 alike for a foreign and an absent one."""
    place = Membership.objects.select_related("user", "invitation").filter(team=team, ref=ref).first()
    if place is None:
        raise Http404
    place.team = team
    return place


def keep_an_owner(place: Membership) -> None:
    """Raise Conflict where the team would be without an owner, or a personal one without its person, but for this place."""
    if place.team.personal_of_id == place.user_id:
        raise Conflict(OWN_SPACE)
    if not can_go(place):
        raise Conflict(LAST_OWNER)


def can_go(place: Membership) -> bool:
    """Whether the team has an owner who can sign in besides this place."""
    others = Membership.objects.filter(team=place.team, role=Role.OWNER).exclude(pk=place.pk)
    return place.role != Role.OWNER or others.filter(user__is_active=True).exists()
