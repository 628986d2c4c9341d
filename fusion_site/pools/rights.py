"""Who may change what, asked by every flow itself, so that no door can forget it."""

from __future__ import annotations

from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.http import Http404

from fusion_site.accounts.models import Membership
from fusion_site.accounts.team_settings import may_add_connections
from fusion_site.pools.models import Named

N = TypeVar("N", bound=Named)

OWNERS_ONLY = "Only owners of this team may add connections, and change where one leads or the key it has."


def require_editor(by: Membership) -> None:
    """Raise PermissionDenied for a viewer, whatever the thing is and whether it exists."""
    if not by.may_edit():
        raise PermissionDenied("Your role in this team is viewer: you may read and run, but not change.")


def held(by: Membership, row: N) -> N:
    """Give the row as it is now, locked until the transaction ends; Http404 when it is gone or another team's."""
    # Who only names the row, as a member of a pool names its connection, does not wait.
    rows = type(row)._default_manager.select_for_update(no_key=True)
    found = rows.filter(pk=row.pk, team_id=by.team_id).first()
    if found is None:
        raise Http404
    return found


def require_adder(by: Membership) -> None:
    """Raise PermissionDenied for whom the team's owners do not let add connections."""
    require_editor(by)
    if not may_add_connections(by):
        raise PermissionDenied(OWNERS_ONLY)
