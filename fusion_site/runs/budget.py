"""What a team's runs have cost this month, and what is held back for those whose cost is not known yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import DecimalField, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from fusion_site.accounts.models import Team
from fusion_site.runs.models import Run

_NOTHING = Value(Decimal(0), output_field=DecimalField(max_digits=16, decimal_places=10))


@dataclass(frozen=True)
class MonthlyMoney:
    """A team's calendar month in UTC, in USD. A run belongs to the month in which its newest pass was begun.

    `spent_usd` is what runs have cost of which the whole cost is known. `reserved_usd` is held back for all others:
    those that go on, in whichever month they began, and those that ended with a part of their cost unknown.
    `unbounded_runs` counts those among them of which nobody could say what they cost at most: only what is known of
    them is in `reserved_usd`.
    """

    month: datetime
    budget_usd: Decimal | None
    spent_usd: Decimal
    reserved_usd: Decimal
    unbounded_runs: int

    @property
    def committed_usd(self) -> Decimal:
        """What is spent or may still be spent."""
        return self.spent_usd + self.reserved_usd


def monthly_money(team: Team, now: datetime | None = None) -> MonthlyMoney:
    """Give the team's figures of the month that `now` is in."""
    month = (now or timezone.now()).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    runs = Run.every.filter(team=team)
    known = runs.filter(opened_at__gte=month, cost_complete=True)
    cut_short = Q(opened_at__gte=month, cost_complete=False)
    held = runs.filter(Q(is_open=True) | cut_short)
    return MonthlyMoney(
        month=month,
        budget_usd=team.budget_usd,
        spent_usd=_sum(known.annotate(counted=F("cost_usd"))),
        reserved_usd=_sum(
            held.annotate(counted=Greatest(_or_nothing("reserved_usd"), _or_nothing("cost_usd")))
        ),
        unbounded_runs=held.filter(reserved_usd=None).count(),
    )


def _or_nothing(field: str) -> Coalesce:
    return Coalesce(F(field), _NOTHING)


def _sum(runs: QuerySet[Run]) -> Decimal:
    total: Decimal | None = runs.aggregate(total=Sum("counted"))["total"]
    return total or Decimal(0)
