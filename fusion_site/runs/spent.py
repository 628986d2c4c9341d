"""What a run has cost so far, and whether that is all of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fusion_site.runs.models import Answer, Run
from fusion_site.runs.shapes import money


class Spent:
    """The money of a run: the sum of all known costs, and whether every call's cost is known."""

    def __init__(self, run: Run, answers: list[Answer]) -> None:
        ended = [a.cost_usd for a in answers if a.outcome]
        ended += [s.cost_usd for s in run.steps.all() if s.outcome]
        # A call of an earlier attempt whose end nobody saw may have cost something.
        self._unknown = (
            any(a.attempt and not a.outcome for a in answers) or run.steps.filter(outcome="").exists()
        )
        self._sum: Decimal | None = None
        for cost in ended:
            self.add(cost)

    def add(self, cost: Decimal | None) -> None:
        """Count one finished call."""
        if cost is None:
            self._unknown = True
        else:
            self._sum = (self._sum or Decimal(0)) + cost

    def fields(self, *, final: bool = False) -> dict[str, Any]:
        """Give the run's fields; a run that still spends is not complete."""
        return {"cost_usd": self._sum, "cost_complete": final and not self._unknown}

    def data(self, *, final: bool) -> dict[str, Any]:
        """Give the same as JSON."""
        return {**self.fields(final=final), "cost_usd": money(self._sum)}
