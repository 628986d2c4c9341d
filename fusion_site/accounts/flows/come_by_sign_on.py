"""Somebody comes through their team's sign-in service: known, new, or with an address that has an account already."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.models import Membership, SignOn, Team, User


@transaction.atomic
def join_by_sign_on(user: User, sign_on: SignOn) -> Membership | None:
    """Give the person's place in the team, made with the role that its owner chose for newcomers; one that is there stays.

    None where the team has been closed meanwhile.
    """
    team = Team.objects.select_for_update(no_key=True).filter(pk=sign_on.team_id, removal_at=None).first()
    if team is None:
        return None
    place, made = Membership.objects.get_or_create(user=user, team=team, defaults={"role": sign_on.role})
    if made:
        record(team, "member.joined", user, by=user, role=place.role, sign_on=str(sign_on))
    return place


def cut_link(user: User, sign_on_id: str) -> None:
    """Let this service no longer speak for the person; raises Conflict where no other way in would be left to them."""
    ways = {Authenticator.Type.WEBAUTHN}
    if not user.has_usable_password() and not Authenticator.objects.filter(user=user, type__in=ways).exists():
        raise Conflict("Set a password or add a passkey first, or you could not sign in any more.")
    SocialAccount.objects.filter(user=user, provider=sign_on_id).delete()


def forget_links(user: User) -> None:
    """Let no service speak for this person any more.

    Whoever resets a password by mail has proved the address; a link that somebody else made under it before must not last.
    """
    SocialAccount.objects.filter(user=user).delete()
