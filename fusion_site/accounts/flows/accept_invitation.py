"""Somebody who was given an invitation joins the team."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from fusion_site.accounts.audit import record
from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.flows.invite import digest_of
from fusion_site.accounts.models import Invitation, Membership, Team, User

# Where a browser's session keeps the id of the invitation whose token it has shown.
SESSION_INVITATION = "invitation"


def invitation_of(token: str) -> Invitation | None:
    """Give the invitation that lets people in by this token now; None alike for one that never was and one that is over."""
    return _good(digest=digest_of(token))


def invitation_known(invitation_id: object) -> Invitation | None:
    """The same by its id, for a browser that has shown the token before."""
    return _good(pk=invitation_id) if isinstance(invitation_id, str) else None


@transaction.atomic
def accept_invitation(user: User, invitation: Invitation) -> Membership | None:
    """Give the person's new place in the team, or None where the invitation does not let anybody in any more.

    Somebody who is in the team already keeps the place they have, and does not use it up. Raises Conflict for an
    invitation that is for another address.
    """
    # As every change of a team's people: so that a removal at the same moment is before or after this, not in between.
    team = Team.objects.select_for_update(no_key=True).filter(pk=invitation.team_id).first()
    if team is None:
        return None
    here = Membership.objects.select_related("team").filter(user=user, team=team, team__removal_at=None)
    if (place := here.first()) is not None:
        return place
    if not is_for(user, invitation):
        raise Conflict("This invitation is for another address. Sign in with that one.")
    if not Invitation.objects.good().filter(pk=invitation.pk).update(uses=F("uses") + 1):
        return None
    place = Membership.objects.create(user=user, team=team, role=invitation.role, invitation=invitation)
    record(team, "member.joined", user, by=user, role=place.role, invitation=str(invitation))
    return place


def is_for(user: User, invitation: Invitation) -> bool:
    """Whether the invitation is for this person: for anybody, or for their address."""
    return invitation.email in {"", user.email}


def _good(**which: object) -> Invitation | None:
    return Invitation.objects.good().select_related("team", "made_by").filter(**which).first()
