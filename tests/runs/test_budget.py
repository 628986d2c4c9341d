"""A team's monthly budget: what is held, what counts when a run is over, and what is refused in which words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fusion_site.accounts.models import Team
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import CatalogueModel, Preset
from fusion_site.pools.plain import money_text
from fusion_site.runs.budget import MonthlyMoney, monthly_money
from fusion_site.runs.limits import OverBudget
from fusion_site.runs.models import Run
from tests.runs.conftest import MEMBERS, Desk

NOVEMBER = datetime(2026, 11, 15, tzinfo=UTC)


def price(desk: Desk, *names: str, usd: str = "0.001") -> None:
    """Let the desk's connection offer these models at `usd` for each token written; what is read costs nothing."""
    connection = desk.preset.judge.connection
    CatalogueModel.objects.bulk_create(
        CatalogueModel(
            connection=connection, model=name, prompt_price=Decimal(0), completion_price=Decimal(usd)
        )
        for name in names
    )


def allow(desk: Desk, usd: str | None) -> None:
    """Set the team's budget."""
    desk.team.budget_usd = None if usd is None else Decimal(usd)
    desk.team.save()


def money(desk: Desk, now: datetime | None = None) -> MonthlyMoney:
    """Read the team's figures."""
    return monthly_money(Team.objects.get(pk=desk.team.pk), now)


def figures(now: MonthlyMoney) -> tuple[str | None, str | None]:
    """Give what is spent and what is held."""
    return money_text(now.spent_usd), money_text(now.reserved_usd)


def end(run: Run, cost: str | None, *, complete: bool, **fields: Any) -> None:
    """End a run in its row alone."""
    amount = None if cost is None else Decimal(cost)
    ended = {"state": "done", "is_open": False, "finished_at": run.created_at, "lease_until": None}
    Run.objects.filter(pk=run.pk).update(**ended, cost_usd=amount, cost_complete=complete, **fields)


def test_a_run_holds_the_high_estimate_capped_by_the_presets_budget(desk: Desk) -> None:
    price(desk, *MEMBERS, "judge")
    whole = desk.start().reserved_usd
    assert whole is not None
    members = 3 * Decimal("0.001") * 4096
    assert whole > members
    desk.change(budget_usd=members + 1)
    assert desk.start().reserved_usd == members + 1
    desk.change(budget_usd=whole + 1)
    assert desk.start().reserved_usd == whole


def test_members_that_are_asked_at_once_may_pass_the_presets_budget_and_are_held_for_in_full(
    desk: Desk,
) -> None:
    price(desk, *MEMBERS, "judge")
    desk.change(budget_usd=Decimal("0.01"))
    assert desk.start().reserved_usd == 3 * Decimal("0.001") * 4096


def test_held_while_it_runs_then_its_real_cost_counts(desk: Desk) -> None:
    desk.change(budget_usd=Decimal(2))
    allow(desk, "5")
    run = desk.start()
    assert figures(money(desk)) == ("0", "2")
    end(run, "0.3", complete=True)
    assert figures(money(desk)) == ("0.3", "0")


def test_a_cost_that_is_unknown_in_part_is_never_taken_for_nothing(desk: Desk) -> None:
    desk.change(budget_usd=Decimal(2))
    end(desk.start(), None, complete=False)
    assert figures(money(desk)) == ("0", "2")
    end(desk.start(), "3", complete=False)
    assert money(desk).reserved_usd == 2 + 3
    desk.change(budget_usd=None)
    end(desk.start(), "0.5", complete=False)
    now = money(desk)
    assert (figures(now), now.unbounded_runs) == (("0", "5.5"), 1)


def test_the_sum_may_reach_the_budget_and_not_pass_it(desk: Desk) -> None:
    desk.change(budget_usd=Decimal("0.1"))
    allow(desk, "0.3")
    end(desk.start(), "0.1", complete=True)
    desk.start()
    desk.start()
    desk.change(budget_usd=Decimal("0.000001"))
    with pytest.raises(OverBudget) as refused:
        desk.start()
    assert Run.objects.count() == 3
    told = str(refused.value)
    assert "$0.30 for this month" in told
    assert "$0.10 are spent and $0.20 are held" in told
    assert refused.value.may_pass


def test_a_run_that_only_next_month_has_room_for_says_so(desk: Desk) -> None:
    desk.change(budget_usd=Decimal(2))
    allow(desk, "3")
    end(desk.start(), "2", complete=True)
    with pytest.raises(OverBudget) as refused:
        desk.start()
    assert not refused.value.may_pass


def test_a_month_begins_anew_and_what_goes_on_is_held_in_it(desk: Desk) -> None:
    desk.change(budget_usd=Decimal(2))
    last = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
    for cost, complete in (("1", True), ("1", False)):
        end(desk.start(), cost, complete=complete, opened_at=last)
    Run.objects.filter(pk=desk.start().pk).update(opened_at=last)
    assert figures(money(desk, NOVEMBER)) == ("0", "2")
    assert figures(money(desk, last)) == ("1", "4")


def test_nobody_knows_what_it_may_cost(desk: Desk) -> None:
    price(desk, "ada", "cyd", "judge")
    assert desk.start().reserved_usd is None
    allow(desk, "100")
    with pytest.raises(Invalid) as refused:
        desk.start()
    (told,) = refused.value.fields["preset"]
    assert "no price is known for bea." in told
    assert "Give the preset a budget" in told
    assert Run.objects.count() == 1
    desk.change(budget_usd=Decimal(1))
    # What ada and cyd may write at most is known; bea counts as nothing more than the preset's budget.
    assert desk.start().reserved_usd == 2 * Decimal("0.001") * 4096


def test_what_costs_nothing_passes_any_budget(desk: Desk) -> None:
    allow(desk, "0")
    scripted = Preset.objects.get(team=desk.team, slug="rehearsal")
    assert Desk(desk.person, desk.team, scripted).start().reserved_usd == 0


def test_another_teams_money_is_not_counted(desk: Desk) -> None:
    desk.change(budget_usd=Decimal(2))
    desk.start()
    other = desk.person.personal_team
    assert monthly_money(other).committed_usd == 0


def cap(desk: Desk, usd: str) -> None:
    """Set what one run of the team may cost."""
    desk.team.run_cap_usd = Decimal(usd)
    desk.team.save()


def test_a_run_that_might_pass_the_teams_cap_is_not_started(desk: Desk) -> None:
    price(desk, *MEMBERS, "judge")
    most = desk.start().reserved_usd
    assert most is not None
    cap(desk, str(most))
    assert desk.start().reserved_usd == most
    cap(desk, str(most - Decimal("0.000001")))
    with pytest.raises(OverBudget, match="lets one run cost") as refused:
        desk.start()
    assert not refused.value.may_pass
    assert Run.objects.count() == 2


def test_a_run_of_unknown_cost_is_not_started_under_a_cap(desk: Desk) -> None:
    cap(desk, "100")
    with pytest.raises(Invalid, match="lets one run cost"):
        desk.start()
    assert not Run.objects.exists()
