"""An owner gives somebody in the team another role, or hands the team over."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.flows.invite import revoke_invitations_of
from fusion_site.accounts.flows.owning import OWN_SPACE, keep_an_owner, locked, place_in, require_owner
from fusion_site.accounts.models import Membership, Role

NO_ROLE = f"Choose one of: {', '.join(Role.values)}."


@transaction.atomic
def change_role(by: Membership, ref: str, role: str) -> Membership:
    """Give the place that `ref` names, with its new role: it holds at the next request, and for listeners in a second.

    Raises PermissionDenied for anyone but an owner, Http404, ValidationError for a word that is no role, and Conflict
    where the team would have no owner.
    """
    team, by = locked(by)
    require_owner(by, "change roles")
    place = place_in(team, ref)
    if role not in Role.values:
        raise ValidationError({"role": [NO_ROLE]})
    if place.role != role:
        if place.role == Role.OWNER:
            keep_an_owner(place)
        _set_role(by, place, Role(role))
    return place


@transaction.atomic
def hand_over(by: Membership, ref: str) -> Membership:
    """Make the one that `ref` names an owner and `by` an editor, and give the new owner's place.

    Raises PermissionDenied, Http404, and Conflict for a personal team, for oneself and for a person who is locked.
    """
    team, by = locked(by)
    require_owner(by, "hand it over")
    place = place_in(team, ref)
    if team.personal_of_id is not None:
        raise Conflict(OWN_SPACE)
    if place.pk == by.pk or not place.user.is_active:
        raise Conflict("Hand the team over to somebody else who is in it and can sign in.")
    if place.role != Role.OWNER:
        _set_role(by, place, Role.OWNER)
    _set_role(by, by, Role.EDITOR)
    return place


def _set_role(by: Membership, place: Membership, role: Role) -> None:
    before, place.role = place.role, role
    place.save(update_fields=["role"])
    if before == Role.OWNER:
        revoke_invitations_of(place)
    record(place.team, "member.role_changed", place.user, by=by, role=[before, str(role)])
