"""Somebody leaves a team, or an owner removes them."""

from __future__ import annotations

from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.flows.invite import revoke_invitations_of, revoke_what_brought
from fusion_site.accounts.flows.owning import keep_an_owner, locked, place_in, require_owner
from fusion_site.accounts.models import ApiToken, Membership


@transaction.atomic
def leave_team(by: Membership) -> None:
    """Take `by` out of their team, and their tokens of it; what they made and ran stays with the team.

    Raises Conflict for the last owner, and for the person of a personal team.
    """
    _, by = locked(by)
    keep_an_owner(by)
    _take_out(by)
    record(by.team, "member.left", by.user, by=by.user, role=by.role)


@transaction.atomic
def remove_person(by: Membership, ref: str) -> None:
    """Take the one that `ref` names out of the team; of oneself, the same as leaving.

    A link by which they came, and could come again, is revoked. Raises PermissionDenied for anyone but an owner,
    Http404, and Conflict for the last owner and for the person of a personal team.
    """
    team, by = locked(by)
    if by.ref == ref:
        leave_team(by)
        return
    require_owner(by, "remove people")
    place = place_in(team, ref)
    keep_an_owner(place)
    _take_out(place)
    revoke_what_brought(place)
    record(team, "member.removed", place.user, by=by, role=place.role)


def _take_out(place: Membership) -> None:
    revoke_invitations_of(place)
    ApiToken.objects.filter(user=place.user, team=place.team).delete()
    place.delete()
