"""Somebody sets up a second factor or removes one: each of their teams has it in its audit trail."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership, User


def on_added(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Note one that was set up."""
    _note(user, "factor.added", authenticator)


def on_reset(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Note one that was made anew."""
    _note(user, "factor.reset", authenticator)


def on_removed(*, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Note one that was removed."""
    _note(user, "factor.removed", authenticator)


@transaction.atomic
def _note(user: User, action: str, authenticator: Authenticator) -> None:
    # In one order for everybody: each entry holds its team's trail until all are written.
    for place in Membership.objects.of_open_teams().filter(user=user).select_related("team").order_by("team"):
        record(place.team, action, user, by=user, type=str(authenticator.type))
