"""What an ask cost, where its server did not say: tokens by the catalogue's prices; this machine's own models are free."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import replace

from django.utils import timezone

from fusion_site.engine.asking import Ask, Asker, AskEvent, AskFinished, ModelRef
from fusion_site.ops.querying import query_patiently
from fusion_site.ops.recent import Recent
from fusion_site.pools.models import CatalogueModel, Connection
from fusion_site.providers import FREE, Prices, cost_of

# A catalogue is read anew once in many hours.
PRICES_GOOD_FOR_S = 10.0


class PricedAsker:
    """Asks as the asker inside it does, and adds the cost to what has ended without one; what is unknown stays None."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._prices = Recent(_look_up, PRICES_GOOD_FOR_S)

    async def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Stream what happens to `ask`."""
        asked_at = timezone.now()
        async with aclosing(self._asker.ask(ask)) as events:
            async for event in events:
                if isinstance(event, AskFinished) and event.cost_usd is None:
                    prices = await self._prices.get(ask.model)
                    event = replace(event, cost_usd=cost_of(event.usage, prices, asked_at))
                yield event

    async def read_ahead(self, ask: Ask) -> None:
        """Have the messages of `ask` read, which costs nothing."""
        await self._asker.read_ahead(ask)


async def _look_up(model: ModelRef) -> Prices:
    return await query_patiently(prices_of, model)


def free_connections(ids: Collection[str]) -> set[str]:
    """Give those of the connections that cost nothing however a call ends: they lead to this machine's own hosts."""
    rows = Connection.objects.filter(pk__in=ids)
    return {row.pk for row in rows if row.is_local_host}


def prices_of(model: ModelRef) -> Prices:
    """Give the prices of a model as its connection lists them."""
    connection = Connection.objects.filter(pk=model.connection).first()
    if connection is not None and connection.is_local_host:
        return FREE
    row = CatalogueModel.objects.filter(connection=model.connection, model=model.model).first()
    return row.prices if row else Prices()
