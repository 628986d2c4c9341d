"""`/api/v1/models`: the models of all of a team's connections, to choose from."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from fusion_site.api.connections import ModelOut, model_shown
from fusion_site.api.doors import caller
from fusion_site.pools.models import CatalogueModel
from fusion_site.pools.picking import Wanted, choosable, is_free, is_local

router = Router(tags=["connections"])


class ChoiceQuery(Schema):
    """Which models are wanted, in which order; what is unknown comes last."""

    q: str = Field("", max_length=100, description="Words in id, name, family or connection's name.")
    order: Literal["name", "price", "context", "family"] = "name"
    free: bool = Field(False, description="Only what is known to cost nothing.")
    local: bool = Field(
        False,
        description="Only models that this site hosts itself, or that its operator has listed as in-house.",
    )
    limit: int = Field(60, ge=1, le=500)


class ChoiceOut(ModelOut):
    """A model with its connection."""

    connection: str
    local: bool
    free: bool
    rehearsal: bool


class ChoicePage(Schema):
    """The first of them: more are found by other words."""

    items: list[ChoiceOut]
    next: str | None


@router.get("", response=ChoicePage)
def list_choices(request: HttpRequest, wanted: Query[ChoiceQuery]) -> dict[str, Any]:
    """Give the models of all of the team's connections, as they were last heard of."""
    narrowed = Wanted(wanted.q, wanted.order, only_free=wanted.free, only_local=wanted.local)
    rows = choosable(caller(request).membership.team, narrowed)[: wanted.limit]
    return {"items": [_shown(row) for row in rows], "next": None}


def _shown(row: CatalogueModel) -> dict[str, Any]:
    own = row.connection
    return {
        **model_shown(row),
        "connection": own.pk,
        "local": is_local(own),
        "free": is_free(row),
        "rehearsal": own.is_rehearsal,
    }
