"""A person makes or revokes an API token."""

from __future__ import annotations

import secrets

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.models import ApiToken, Team, User

PREFIX = "fus_"


def make_token(user: User, team: Team, name: str) -> tuple[ApiToken, str]:
    """Give a new token's row and its text, which is stored nowhere and can be shown only now.

    Raises ValueError when the person is not in the team.
    """
    if membership_in(user, team.pk) is None:
        raise ValueError(f"{user} is not in the team {team}")
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, team=team, name=name[:120], digest=ApiToken.digest_of(text), hint=f"{PREFIX}…{text[-4:]}"
    )
    return token, text


def revoke_token(user: User, token_id: str) -> bool:
    """Delete one of the person's own tokens, which is refused from now on; False when there is no such token."""
    deleted, _ = ApiToken.objects.filter(user=user, pk=token_id).delete()
    return deleted > 0
