"""An owner invites people into the team by a link, and takes invitations back."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from fusion_site.accounts.audit import record
from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.flows.owning import locked, require_owner
from fusion_site.accounts.models import Invitation, Membership, Role, Team

DAYS = 7
MOST_DAYS = 90
# Owners are made on the team's page, from people who are in it: a link in wrong hands must not give the team away.
ROLES = (Role.EDITOR, Role.VIEWER)
MOST_OPEN = 100
# Mails go to addresses that people type: a team must not become a way to send unwanted ones.
MOST_MAILS_A_DAY = 30


@transaction.atomic
def invite(
    by: Membership, *, role: str = Role.EDITOR, days: int = DAYS, many: bool = False, email: str = ""
) -> tuple[Invitation, str]:
    """Give a new invitation and its token, which is stored as a hash only and can be shown now alone.

    It lets one person in, or with `many` any number until it expires; with an `email`, the person with that address.
    Raises PermissionDenied for anyone but an owner, ValidationError by field, and Conflict above a limit.
    """
    team, by = locked(by)
    require_owner(by, "invite people")
    email = email.strip().lower()
    _check(team, role, days, many=many, email=email)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        team=team,
        made_by=by.user,
        role=role,
        email=email,
        digest=digest_of(token),
        most_uses=None if many else 1,
        expires_at=timezone.now() + timedelta(days=days),
    )
    record(team, "invitation.made", invitation, by=by, role=role, days=days, many=many)
    return invitation, token


def digest_of(token: str) -> str:
    """Give what is stored of a link's token (SHA-256 in hex; it has 256 random bits, so no salt is needed)."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def revoke_invitation(by: Membership, invitation_id: str) -> None:
    """Revoke an invitation of the team, which lets nobody in from now on; one that does not any more stays as it is.

    Raises PermissionDenied for anyone but an owner, and Http404.
    """
    team, by = locked(by)
    require_owner(by, "take invitations back")
    invitation = team.invitations.filter(pk=invitation_id).first()
    if invitation is None:
        raise Http404
    if _revoke(team.invitations.filter(pk=invitation_id)):
        record(team, "invitation.revoked", invitation, by=by)


def revoke_invitations_of(place: Membership) -> None:
    """Revoke what a person made who may not invite any more: they shall neither bring anybody nor come back by it."""
    _revoke(place.team.invitations.filter(made_by=place.user_id))


def revoke_what_brought(place: Membership) -> None:
    """Revoke the link by which a person came who was removed: they know it, and it may be good for more than one."""
    _revoke(place.team.invitations.filter(pk=place.invitation_id))


def _revoke(invitations: QuerySet[Invitation]) -> int:
    good = Invitation.objects.good().filter(pk__in=invitations.values("pk"))
    return good.update(revoked_at=timezone.now())


def _check(team: Team, role: str, days: int, *, many: bool, email: str) -> None:
    wrong: dict[str, list[str]] = {}
    if role not in ROLES:
        wrong["role"] = [f"Choose one of: {', '.join(ROLES)}."]
    if not 1 <= days <= MOST_DAYS:
        wrong["days"] = [f"Must be at least 1 and at most {MOST_DAYS}."]
    if email:
        wrong |= _wrong_with(team, email, many=many)
    if wrong:
        raise ValidationError(wrong)
    _check_limits(team, email)


def _wrong_with(team: Team, email: str, *, many: bool) -> dict[str, list[str]]:
    try:
        validate_email(email)
    except ValidationError as error:
        return {"email": error.messages}
    if team.memberships.filter(user__email=email).exists():
        return {"email": ["This person is in the team already."]}
    return {"many": ["An invitation for one address is for one person."]} if many else {}


def _check_limits(team: Team, email: str) -> None:
    if team.invitations.good().count() >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} invitations are open. Revoke those that are not needed first.")
    of_today = team.invitations.filter(made_at__gt=timezone.now() - timedelta(days=1)).exclude(email="")
    if email and of_today.count() >= MOST_MAILS_A_DAY:
        raise Conflict(f"At most {MOST_MAILS_A_DAY} invitations by e-mail a day. Make a link instead.")
