"""An owner says what the team's runs may cost in a month."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import PermissionDenied

from fusion_site.accounts.models import Membership, Team


def set_budget(by: Membership, budget_usd: Decimal | None) -> Team:
    """Give the team with its new budget for each calendar month, in USD; None is no bound.

    Raises PermissionDenied for anyone but an owner. Runs that go on are not stopped by a lower one.
    """
    if not by.may_manage():
        raise PermissionDenied("Only owners of the team may set its budget.")
    Team.objects.filter(pk=by.team_id).update(budget_usd=budget_usd)
    by.team.budget_usd = budget_usd
    return by.team
