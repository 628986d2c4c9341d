"""Somebody signs in or out, or ends sessions: each of their teams has it in its audit trail."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership, User


def on_sign_in(*, user: User, **_: Any) -> None:
    """Note a sign-in, whichever way it came."""
    note_session(user, "session.signed_in")


def on_sign_out(*, user: User | None, **_: Any) -> None:
    """Note a sign-out; of a session that was nobody's there is nothing to note."""
    if user is not None:
        note_session(user, "session.signed_out")


@transaction.atomic
def note_session(user: User, action: str, **details: Any) -> None:
    """Note in the trail of each of the person's teams what became of a session of theirs."""
    # In one order for everybody: each entry holds its team's trail until all are written.
    for place in Membership.objects.of_open_teams().filter(user=user).select_related("team").order_by("team"):
        record(place.team, action, user, by=user, **details)
