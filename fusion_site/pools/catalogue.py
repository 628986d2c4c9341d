"""The models that connections offer, as they were last heard of."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from fusion_site.pages.figures import count, per_million
from fusion_site.pools.models import CatalogueModel, Connection

FRESH_FOR = timedelta(hours=1)
# A host of this machine changes its model at a restart, and costs nothing to ask.
FRESH_FOR_LOCAL = timedelta(seconds=10)


def is_fresh(connection: Connection) -> bool:
    """Whether what is kept of the catalogue is young enough to be shown without asking again."""
    limit = FRESH_FOR_LOCAL if connection.is_local_host else FRESH_FOR
    return connection.catalogue_at is not None and timezone.now() - connection.catalogue_at < limit


def stale() -> QuerySet[Connection]:
    """Give the connections whose catalogue was never heard of, or not for long."""
    heard_of = Q(catalogue_at__gt=timezone.now() - FRESH_FOR)
    return Connection.objects.exclude(heard_of)


def offered(connection: Connection, words: str = "") -> QuerySet[CatalogueModel]:
    """Give the models of a connection whose id or name holds every one of `words`, in any case."""
    rows = CatalogueModel.objects.filter(connection=connection)
    for word in words.replace("\x00", " ").split():
        rows = rows.filter(Q(model__icontains=word) | Q(name__icontains=word))
    return rows


def figures_of(model: CatalogueModel) -> str:
    """Give a model's window and prices on one line: `128,000 tokens context · $3.00/M in · $15.00/M out`."""
    window = (
        "context unknown" if model.context_length is None else f"{count(model.context_length)} tokens context"
    )
    prices = (model.prompt_price, model.completion_price)
    if model.connection.is_local_host:
        return f"{window} · free"
    if prices == (None, None):
        return f"{window} · price unknown"
    varies = ", other prices for long prompts or by the hour" if model.overrides else ""
    return f"{window} · {per_million(prices[0])} in · {per_million(prices[1])} out{varies}"
