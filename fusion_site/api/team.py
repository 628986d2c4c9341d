"""`/api/v1/team`: the team a token belongs to, and its money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from fusion_site.accounts.flows.set_budget import set_budget
from fusion_site.accounts.models import Membership
from fusion_site.api.doors import Given, caller
from fusion_site.pools.plain import money_text
from fusion_site.pools.reading import Reading
from fusion_site.runs.budget import monthly_money

router = Router(tags=["team"])


class TeamGiven(Given):
    """What an owner may set."""

    budget_usd: Decimal | None = Field(
        None, description="What runs may cost in a calendar month (UTC); null is no bound."
    )


class TeamMoneyOut(Schema):
    """A team, what its caller may do there, and its figures of this month in US dollars."""

    slug: str
    name: str
    role: str
    budget_usd: str | None
    spent_usd: str = Field(description="What this month's runs have cost of which the whole cost is known.")
    reserved_usd: str = Field(
        description="Held for runs that go on, and for those that ended with a part of their cost unknown."
    )
    unbounded_runs: int = Field(
        description="Runs held for of which nobody can say what they cost at most: at least what is known is counted."
    )
    month: str = Field(description="YYYY-MM, in UTC. A run belongs to the month in which it was started.")


def shown(place: Membership) -> dict[str, Any]:
    """Give the team as programs read it."""
    money = monthly_money(place.team)
    return {
        "slug": place.team.slug,
        "name": place.team.name,
        "role": place.role,
        "budget_usd": money_text(money.budget_usd),
        "spent_usd": money_text(money.spent_usd),
        "reserved_usd": money_text(money.reserved_usd),
        "unbounded_runs": money.unbounded_runs,
        "month": f"{money.month:%Y-%m}",
    }


@router.get("", response=TeamMoneyOut)
def read_team(request: HttpRequest) -> dict[str, Any]:
    """Give the token's team and its figures of this month."""
    return shown(caller(request).membership)


@router.patch("", response=TeamMoneyOut)
def change_team(request: HttpRequest, payload: TeamGiven) -> dict[str, Any]:
    """Change the fields that are sent; for owners."""
    place = caller(request).membership
    given = payload.given()
    if "budget_usd" in given:
        reading = Reading(given)
        budget_usd = reading.money("budget_usd")
        reading.finish()
        set_budget(place, budget_usd)
    return shown(place)
