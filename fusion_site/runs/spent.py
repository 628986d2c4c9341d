"""What a run has cost so far, and whether that is all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from fusion_site.engine.settings import FusionSettings
from fusion_site.pools.pricing import free_connections
from fusion_site.runs.models import Answer, Run
from fusion_site.runs.shapes import money

# A single call that claims to have cost more than this is mistaken, and a column would not hold it.
MOST_USD = Decimal(10_000)
# What the columns keep, in digits behind the point.
PLACES = 10


def kept_cost(cost: Decimal | None) -> Decimal | None:
    """Give a cost as rows keep it; one beyond any sense is unknown."""
    return None if cost is None or cost > MOST_USD else round(cost, PLACES)


class Spent:
    """The money of a run: the sum of all known costs, and whether every call's cost is known. Begins with the rows."""

    def __init__(self, run: Run, settings: FusionSettings, answers: Iterable[Answer]) -> None:
        self._connections = {m.index: m.model.connection for m in settings.members}
        judges = [settings.judge.model, settings.judge.fallback, settings.judge.second]
        self._free = free_connections({*self._connections.values(), *(j.connection for j in judges if j)})
        self._sum: Decimal | None = None
        self._unknown = False
        self._open: dict[str, str] = {}
        self._begun: Counter[str] = Counter()
        for answer in answers:
            self._answer(self._connections[answer.member], answer)
        for step in run.steps.all():
            self._call(step.connection, step.cost_usd, step.attempt)

    def answer(self, member: int, cost: Decimal | None, attempts: int) -> Decimal | None:
        """Count an answer that has ended; gives its cost, which is nothing for a host of this machine."""
        if cost is None and not attempts:
            return None
        return self._call(self._connections[member], cost, attempts)

    def begin(self, step: str, connection: str) -> None:
        """Note a call by the judge: until it has ended, nobody knows what it costs."""
        self._open[step] = connection
        self._begun[step] += 1

    def end(self, step: str, cost: Decimal | None) -> Decimal | None:
        """Count a call by the judge that has ended; gives its cost."""
        return self._call(self._open.pop(step), cost, self._begun[step])

    def fields(self, *, final: bool = False) -> dict[str, Any]:
        """Give the run's fields; a run that still spends is not complete."""
        unknown = self._unknown or not self._free.issuperset(self._open.values())
        return {"cost_usd": self._sum, "cost_complete": final and not unknown}

    def data(self, *, final: bool) -> dict[str, Any]:
        """Give the same as JSON."""
        return {**self.fields(final=final), "cost_usd": money(self._sum)}

    def _answer(self, connection: str, row: Answer) -> None:
        """Count what a row says: what is settled, and the attempts since."""
        if row.paid_usd is not None:
            self._sum = (self._sum or Decimal(0)) + row.paid_usd
        if row.attempt > row.paid_attempts or row.cost_usd is not None:
            self._call(connection, row.cost_usd, row.attempt - row.paid_attempts)

    def _call(self, connection: str, cost: Decimal | None, attempts: int = 1) -> Decimal | None:
        """Count a call. One that was made again has cost something before, and nobody saw how much."""
        is_free = connection in self._free
        if cost is None and is_free:
            cost = Decimal(0)
        cost = kept_cost(cost)
        if cost is None or (attempts > 1 and not is_free):
            self._unknown = True
        if cost is not None:
            self._sum = (self._sum or Decimal(0)) + cost
        return cost
