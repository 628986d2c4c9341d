"""What a connection offers is heard anew, when what is kept of it has grown old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from fusion_site import providers
from fusion_site.accounts.models import Team
from fusion_site.engine.family import family_of
from fusion_site.ops.querying import query
from fusion_site.pools import compact_host, reaching
from fusion_site.pools.catalogue import is_fresh, stale
from fusion_site.pools.compact_choice import usable
from fusion_site.pools.models import CatalogueModel, Connection, Kind

log = logging.getLogger(__name__)

NEW_WITHIN_S = 3.0
MOST_NEW = 8

_MOST_PRICE = Decimal(10_000)
_MOST_TOKENS = 2**31 - 1


async def refresh_catalogue(connection: Connection, *, anew: bool = False) -> None:
    """Ask the connection for its models unless that was done lately, and keep them; `anew` asks in any case.

    Raises AskFailed when they cannot be had; what was kept before stays then.
    """
    if not anew and is_fresh(connection):
        return
    endpoint = await reaching.endpoint(connection.pk)
    models = await reaching.providers().models(endpoint)
    await query(keep_catalogue, connection, models)


async def hear_of_new_ones(team: Team) -> None:
    """Ask those of the team's connections of which nothing was ever heard for their models, all at once.

    It takes NEW_WITHIN_S at most; what cannot be had by then is not there yet, and is asked for again another time.
    """
    rows = await query(_never_heard_of, team)
    asked = (asyncio.wait_for(refresh_catalogue(row), NEW_WITHIN_S) for row in rows)
    for row, fault in zip(rows, await asyncio.gather(*asked, return_exceptions=True), strict=True):
        if isinstance(fault, providers.AskFailed | TimeoutError):
            log.info("connection %s has not told its models: %s", row.pk, type(fault).__name__)
        elif fault is not None:
            raise fault


def _never_heard_of(team: Team) -> list[Connection]:
    rows = usable(Connection.objects.filter(team=team, catalogue_at=None), team)
    return [row for row in rows if row.state == "ready"][:MOST_NEW]


async def refresh_local_catalogues(kind: Kind) -> None:
    """Ask one of this machine's own hosts for its models once, and keep them for every team; raises AskFailed.

    To be called when the host has become ready: runs are frozen with the context length that is kept here.
    """
    rows = await query(list, Connection.objects.filter(kind=kind, base_url=""))
    if not rows:
        return
    models = await reaching.providers().models(await reaching.endpoint(rows[0].pk))
    for row in rows:
        await query(keep_catalogue, row, models)


async def refresh_stale_catalogues() -> None:
    """Ask every connection that is ready for its models if what is kept of them is stale, one after the other.

    A failure is logged and leaves what was kept before: people are told of it when they look at the connection.
    """
    for connection in await query(_due):
        try:
            await refresh_catalogue(connection, anew=True)
        except providers.AskFailed as failed:
            log.info("connection %s was not asked for its models: %s", connection.pk, failed.error.message)


def _due() -> list[Connection]:
    """Give the connections to ask. Hosts of this machine were asked when they became ready: only new teams lack them."""
    up = {Kind.REHEARSAL: settings.FUSION_REHEARSAL, Kind.COMPACT: compact_host.status().state == "ready"}
    rows = [row for row in stale() if row.state == "ready"]
    return [row for row in rows if not row.is_local_host or (row.catalogue_at is None and up[Kind(row.kind)])]


@transaction.atomic
def keep_catalogue(connection: Connection, models: Iterable[providers.CatalogueModel]) -> None:
    """Replace what is kept of the catalogue, unless the connection leads elsewhere by now."""
    same = Connection.objects.select_for_update(no_key=True).filter(
        pk=connection.pk, base_url=connection.base_url
    )
    if (row := same.first()) is None:
        return
    row.catalogue.all().delete()
    CatalogueModel.objects.bulk_create(
        CatalogueModel(
            connection=row,
            model=model.id,
            name=model.name,
            context_length=model.context_length if (model.context_length or 0) <= _MOST_TOKENS else None,
            prompt_price=_kept_price(model.prices.prompt),
            completion_price=_kept_price(model.prices.completion),
            overrides=[override.to_json() for override in model.prices.overrides],
            family=family_of(model.id),
            input_modalities=None if model.input_modalities is None else list(model.input_modalities),
        )
        for model in models
    )
    connection.catalogue_at = row.catalogue_at = timezone.now()
    row.save(update_fields=["catalogue_at"])


def _kept_price(price: Decimal | None) -> Decimal | None:
    """Give a price as the column keeps it, to a femtodollar; one beyond any sense is unknown."""
    if price is None or not 0 <= price < _MOST_PRICE:
        return None
    return round(price, 15)
