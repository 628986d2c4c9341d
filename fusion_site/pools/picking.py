"""The models that a team can choose among, over all of its connections, as a model picker shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
from django.db.models import Case, F, OrderBy, Q, QuerySet, Value, When

from fusion_site.accounts.models import Team
from fusion_site.engine.family import family_of
from fusion_site.pools.catalogue import figures_of
from fusion_site.pools.compact_choice import usable
from fusion_site.pools.leaving import is_in_house
from fusion_site.pools.models import CatalogueModel, Connection
from fusion_site.pools.plain import Plain
from fusion_site.pools.reading import is_storable

# More than these nobody reads through; a word more narrows them.
MOST_OFFERED = 60
# What an order is called in addresses, and by people. Whatever is unknown comes last.
ORDERS = {"name": "Name", "price": "Cheapest", "context": "Longest context", "family": "Family"}


@dataclass(frozen=True)
class Wanted:
    """What a picker is narrowed and ordered by: words, one of ORDERS, and the connection whose models come first."""

    words: str = ""
    order: str = "name"
    first: str = ""
    only_free: bool = False
    only_local: bool = False


def choosable(team: Team, wanted: Wanted) -> QuerySet[CatalogueModel]:
    """Give the models of a team's usable connections that hold every word in id, name, family or connection's name."""
    connections = list(usable(Connection.objects.filter(team=team), team))
    own = [row.pk for row in connections if row.is_local_host]
    rows = CatalogueModel.objects.filter(connection__in=connections).select_related("connection")
    for word in wanted.words.replace("\x00", " ").split():
        rows = rows.filter(_holding(word))
    if wanted.only_free:
        rows = rows.filter(Q(connection__in=own) | Q(prompt_price=0, completion_price=0))
    if wanted.only_local:
        rows = rows.filter(connection__in=[row.pk for row in connections if is_local(row)])
    near = Case(When(connection=wanted.first, then=Value(0)), default=Value(1))
    return rows.order_by(*_order(wanted.order), near, "model", "connection__name", "pk")


def facts_in(team: Team, draft: Plain) -> dict[tuple[str, str], str]:
    """Give what is known of the models that a form names, by connection and model; of others there is nothing."""
    asked = set(_asked(draft))
    rows = CatalogueModel.objects.filter(
        connection__team=team,
        connection__in={connection for connection, _ in asked},
        model__in={model for _, model in asked},
    )
    found = {(row.connection_id, row.model): facts_of(row) for row in rows.select_related("connection")}
    return {pair: facts for pair, facts in found.items() if pair in asked}


def _asked(draft: Plain) -> Iterator[tuple[str, str]]:
    for row in (draft, *draft.get("members", ())):
        for lead in ("", "fallback_", "second_"):
            pair = (row.get(f"{lead}connection"), row.get(f"{lead}model"))
            if all(isinstance(each, str) and is_storable(each) and each for each in pair):
                yield str(pair[0]), str(pair[1])


def facts_of(model: CatalogueModel) -> str:
    """Give what people compare models by, on one line: `openai · 128,000 tokens context · $3.00/M in · … · text only`."""
    return f"{family(model)} · {figures_of(model)} · {takes(model)}"


def _holding(word: str) -> Q:
    fields = ("model", "name", "family", "connection__name")
    found = Q()
    for field in fields:
        found |= Q(**{f"{field}__icontains": word})
    return found


def _order(order: str) -> list[OrderBy]:
    match order:
        case "price":
            return [F(field).asc(nulls_last=True) for field in ("completion_price", "prompt_price")]
        case "context":
            return [F("context_length").desc(nulls_last=True)]
        case "family":
            return [F("family").asc()]
        case _:
            return []


def is_local(connection: Connection) -> bool:
    """Whether its models are on the house's own hardware: hosted by this site, or listed as in-house by its operator."""
    return connection.is_local_host or is_in_house(httpx.URL(connection.base_url))


def is_free(model: CatalogueModel) -> bool:
    """Whether it is known to cost nothing: on this machine's own hosts, or by its listed prices."""
    return model.connection.is_local_host or (model.prompt_price == 0 and model.completion_price == 0)


def family(model: CatalogueModel) -> str:
    """Give the family of a model, also of one that was listed before families were kept."""
    return model.family or family_of(model.model)


def takes(model: CatalogueModel) -> str:
    """Say what a model takes besides text; unknown where nothing is told."""
    if model.input_modalities is None:
        return "input unknown"
    others = [word for word in model.input_modalities if word != "text"]
    return f"takes text, {', '.join(others)}" if others else "text only"
