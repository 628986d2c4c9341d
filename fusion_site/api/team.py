"""`/api/v1/team`: the team a token belongs to, what its owners decided, and its money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from django.db import transaction
from django.http import HttpRequest
from ninja import Field, Router, Schema

from fusion_site.accounts.flows.end_team import delete_team
from fusion_site.accounts.flows.rename_team import rename_team
from fusion_site.accounts.flows.set_budget import set_budget
from fusion_site.accounts.flows.settle_team import settle_team
from fusion_site.accounts.models import Adders, Membership, Reach
from fusion_site.accounts.team_settings import FIELDS, plain_settings
from fusion_site.api.doors import Given, caller
from fusion_site.pools.plain import money_text
from fusion_site.pools.reading import Reading
from fusion_site.runs.budget import monthly_money

router = Router(tags=["team"])
_DEFAULTS = {"connections_by": Adders.EDITORS.value, "links": Reach.ANYONE.value}


class TeamGiven(Given):
    """What an owner may set. Null is no bound."""

    name: str | None = Field(None, description="The slug stays.")
    budget_usd: Decimal | None = Field(
        None, description="What runs may cost in a calendar month (UTC); null is no bound."
    )
    run_cap_usd: Decimal | None = Field(None, description="What one run may cost at most; null is no bound.")
    connections_by: Literal["owners", "editors"] | None = Field(
        None, description="Who may add connections, and change their addresses and keys."
    )
    allowed_hosts: list[str] | None = Field(
        None, description="Host names that connections may lead to; an empty list is any."
    )
    local_only: bool | None = Field(None, description="Text goes to in-house connections alone.")
    mfa_required: bool | None = Field(
        None,
        description="Who has no second factor of sign-in is kept out, and their tokens are refused.",
    )
    links: Literal["none", "team", "anyone"] | None = Field(None, description="Whom share links may be for.")
    links_max_days: int | None = Field(None, description="Longest life of a share link; null is no bound.")
    links_need_password: bool | None = None


class TeamMoneyOut(Schema):
    """A team, what its caller may do there, what its owners decided, and its figures of this month in US dollars."""

    slug: str
    name: str
    role: str
    budget_usd: str | None
    run_cap_usd: str | None
    connections_by: str
    allowed_hosts: list[str]
    local_only: bool
    mfa_required: bool
    links: str
    links_max_days: int | None
    links_need_password: bool
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
        **plain_settings(place.team),
        "budget_usd": money_text(money.budget_usd),
        "spent_usd": money_text(money.spent_usd),
        "reserved_usd": money_text(money.reserved_usd),
        "unbounded_runs": money.unbounded_runs,
        "month": f"{money.month:%Y-%m}",
    }


@router.get("", response=TeamMoneyOut)
def read_team(request: HttpRequest) -> dict[str, Any]:
    """Give the token's team, its settings and its figures of this month."""
    return shown(caller(request).membership)


@router.patch("", response=TeamMoneyOut)
def change_team(request: HttpRequest, payload: TeamGiven) -> dict[str, Any]:
    """Change the fields that are sent, all or none; for owners."""
    place = caller(request).membership
    _change(place, payload.given())
    return shown(place)


@transaction.atomic
def _change(place: Membership, given: dict[str, Any]) -> None:
    if "budget_usd" in given:
        reading = Reading(given)
        budget_usd = reading.money("budget_usd")
        reading.finish()
        set_budget(place, budget_usd)
    if "name" in given:
        rename_team(place, given["name"] or "")
    if settings := {name: _or_default(name, given[name]) for name in FIELDS if name in given}:
        settle_team(place, settings)


def _or_default(name: str, value: Any) -> Any:
    """Give what a setting is set to; null means its default, as everywhere."""
    return _DEFAULTS.get(name) if value is None else value


@router.delete("", response={204: None})
def end_team(request: HttpRequest) -> None:
    """Delete the team; for owners. It closes at once, for this token as well; its owners can restore it on the site's team page for a while."""
    delete_team(caller(request).membership)
