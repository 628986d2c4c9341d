"""A new person gets a row, a personal team and, if nobody owns the site yet, the site."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import Team, User


@transaction.atomic
def open_account(user: User, *, may_own_site: bool = True) -> Team:
    """Store the person and give the new personal team; the first person to sign up also owns the site.

    All or nothing. Raises IntegrityError when the address belongs to somebody already. People whom an operator makes
    from the command line have no password yet: for them `may_own_site` is False.
    """
    user.email = user.email.strip().lower()
    user.save()
    if may_own_site:
        _claim_site(user)
    return new_team(user.name or user.email.partition("@")[0], user, personal=True)


def _claim_site(user: User) -> None:
    """Make the person the owner if nobody is. The unique index lets only one of two first people through."""
    if User.objects.filter(is_site_owner=True).exists():
        return
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(is_site_owner=True)
    except IntegrityError:
        return
    user.is_site_owner = True
