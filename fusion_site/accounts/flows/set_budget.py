"""An owner says what the team's runs may cost in a month."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.flows.owning import locked, require_owner
from fusion_site.accounts.models import Membership, Team


@transaction.atomic
def set_budget(by: Membership, budget_usd: Decimal | None) -> Team:
    """Give the team with its new budget for each calendar month, in USD; None is no bound.

    Raises PermissionDenied for anyone but an owner. Runs that go on are not stopped by a lower one.
    """
    team, place = locked(by)
    require_owner(place, "set its budget")
    before, team.budget_usd = team.budget_usd, budget_usd
    if before != budget_usd:
        team.save(update_fields=["budget_usd"])
        record(team, "team.budget_changed", team, by=place, budget_usd=[_text(before), _text(budget_usd)])
    by.team = team
    return team


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"
