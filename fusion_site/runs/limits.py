"""How many runs may go on at once, and what a team's runs may cost. Asked under the locks of `hold`, so that of many
starts at the same moment exactly as many get through as there is room for."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings as site

from fusion_site.accounts.models import Team, User
from fusion_site.pages.figures import money
from fusion_site.pools.estimating import Estimate
from fusion_site.pools.invalid import Invalid
from fusion_site.runs.budget import MonthlyMoney, monthly_money
from fusion_site.runs.claiming import waiting
from fusion_site.runs.models import Run


class LimitReached(Exception):
    """Too many runs are going on; the message says whose. Nothing was stored."""


class OverBudget(LimitReached):
    """The run might pass the team's budget, or its cap for one run; the message has the figures. Nothing was stored.

    `may_pass` says whether it may be started once other runs have ended, rather than next month only.
    """

    def __init__(self, message: str, *, may_pass: bool) -> None:
        super().__init__(message)
        self.may_pass = may_pass


def hold(person: User, team: Team) -> Team:
    """Give the team as it is now, and keep other starts of this person or team waiting until the transaction ends.

    SQLite's transactions exclude each other as a whole. On PostgreSQL the two rows are locked, the person's first at
    every start, so that two starts cannot wait for each other.
    """
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    return Team.objects.select_for_update(no_key=True).get(pk=team.pk)


def check_parallel(person: User, team: Team) -> None:
    """Raise LimitReached when the person or the team has as many runs going on as they may.

    Runs that wait for a person are not among them: nothing goes on in them.
    """
    unfinished = Run.every.filter(~waiting(), is_open=True)
    if unfinished.filter(person=person).count() >= site.FUSION_RUNS_PER_PERSON:
        raise LimitReached(
            f"You have {site.FUSION_RUNS_PER_PERSON} runs going on. Wait for one to end, or stop one."
        )
    if unfinished.filter(team=team).count() >= site.FUSION_RUNS_PER_TEAM:
        raise LimitReached(f"The team has {site.FUSION_RUNS_PER_TEAM} runs going on. Wait for one to end.")


def check_waiting(person: User, team: Team) -> None:
    """Raise LimitReached when as many runs wait for a person as may go on: all may go on at once when their time is up."""
    unguided = Run.every.filter(waiting())
    if unguided.filter(person=person).count() >= site.FUSION_RUNS_PER_PERSON:
        raise LimitReached(
            f"{site.FUSION_RUNS_PER_PERSON} runs wait for your choice. Let one go on, or stop one."
        )
    if unguided.filter(team=team).count() >= site.FUSION_RUNS_PER_TEAM:
        raise LimitReached(f"{site.FUSION_RUNS_PER_TEAM} runs of the team wait for a choice. Let one go on.")


def check_budget(team: Team, most_usd: Decimal | None, estimate: Estimate) -> None:
    """Raise OverBudget, or Invalid where nobody knows what the run may cost; what costs nothing always passes."""
    if team.budget_usd is None or most_usd == 0:
        return
    if most_usd is None:
        raise Invalid({"preset": [_unknown(f"has a budget of {money(team.budget_usd)} a month", estimate)]})
    now = monthly_money(team)
    if now.committed_usd + most_usd > team.budget_usd:
        may_pass = now.spent_usd + most_usd <= team.budget_usd
        raise OverBudget(_too_much(now, most_usd), may_pass=may_pass)


def check_cap(team: Team, whole_usd: Decimal | None, estimate: Estimate) -> None:
    """The same for what one run of the team may cost as a whole, with all its passes."""
    cap_usd = team.run_cap_usd
    if cap_usd is None or whole_usd == 0:
        return
    if whole_usd is None:
        raise Invalid({"preset": [_unknown(f"lets one run cost {money(cap_usd)} at most", estimate)]})
    if whole_usd > cap_usd:
        raise OverBudget(
            f"This run may cost up to {money(whole_usd)}, and the team lets one run cost {money(cap_usd)} at most. "
            "Give the preset a smaller budget of its own, or ask fewer or cheaper models.",
            may_pass=False,
        )


def _unknown(rule: str, estimate: Estimate) -> str:
    why = f": no price is known for {', '.join(estimate.unpriced)}" if estimate.unpriced else ""
    return (
        f"The team {rule}, and nobody can say what this run may cost{why}. "
        "Give the preset a budget of its own, or choose models with known prices."
    )


def _too_much(now: MonthlyMoney, most_usd: Decimal) -> str:
    return (
        f"This run may cost up to {money(most_usd)}, which would pass the team's budget of {money(now.budget_usd)} "
        f"for this month: {money(now.spent_usd)} are spent and {money(now.reserved_usd)} are held for runs that go "
        "on or whose cost is not known."
    )
