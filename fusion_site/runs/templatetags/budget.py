"""What the team's page says of money with `{% load budget %}`: its own room is below this one and knows no runs."""

from __future__ import annotations

from typing import Any

from django.template import Context, Library

from fusion_site.accounts.models import Membership
from fusion_site.pools.plain import money_text
from fusion_site.runs.budget import monthly_money

register = Library()


@register.inclusion_tag("runs/_budget.html", takes_context=True)
def team_budget(context: Context, place: Membership) -> dict[str, Any]:
    """Show what the team may spend and has spent this month; owners get a form, with what they typed if it was wrong."""
    money = monthly_money(place.team)
    return {
        "money": money,
        "may_manage": place.may_manage(),
        "typed": context.get("budget_typed", money_text(money.budget_usd) or ""),
        "errors": context.get("budget_errors", []),
        "csrf_token": context.get("csrf_token"),
    }
