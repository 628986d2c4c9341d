"""A person makes or revokes an API token."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.audit import record
from fusion_site.accounts.models import ApiToken, Scope, Team, User

PREFIX = "fus_"
DAYS = 365


@transaction.atomic
def make_token(
    user: User, team: Team, name: str, *, scopes: Collection[str] = tuple(Scope.values), days: int = DAYS
) -> tuple[ApiToken, str]:
    """Give a new token's row and its text, which is stored nowhere and can be shown only now.

    It is good for `days` from now. Raises ValueError when the person is not in the team, for a scope that there is
    not, for none at all, and for less than a day.
    """
    if membership_in(user, team.pk) is None:
        raise ValueError(f"{user} is not in the team {team}")
    if not scopes or not set(scopes) <= set(Scope.values):
        raise ValueError("a token needs one or more of the scopes run, read, manage")
    if days < 1:
        raise ValueError("a token is good for one day at least")
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        team=team,
        name=name[:120],
        digest=ApiToken.digest_of(text),
        hint=f"{PREFIX}…{text[-4:]}",
        scopes=[scope for scope in Scope.values if scope in scopes],
        expires_at=timezone.now() + timedelta(days=days),
    )
    record(team, "token.made", token, by=user, name=name, scopes=token.scopes, days=days)
    return token, text


@transaction.atomic
def revoke_token(user: User, token_id: str) -> bool:
    """Delete one of the person's own tokens, which is refused from now on; False when there is no such token."""
    token = ApiToken.objects.filter(user=user, pk=token_id).select_related("team").first()
    if token is None:
        return False
    record(token.team, "token.revoked", token, by=user, name=token.name)
    token.delete()
    return True
