"""`/api/v1/pools`: which models are asked together."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from fusion_site.api.changing import changed
from fusion_site.api.doors import Given, caller, found
from fusion_site.api.files import add_export
from fusion_site.api.paging import Paging, page
from fusion_site.api.transfers import add_transfers
from fusion_site.api.versions import add_versions
from fusion_site.pools.flows.delete import delete
from fusion_site.pools.flows.duplicate import duplicate
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_seen import seen_as
from fusion_site.pools.models import Pool
from fusion_site.pools.plain import plain_pool

router = Router(tags=["pools"])


class Params(Given):
    """How a member writes; what is null or left out is the server's choice."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: list[str] | None = None
    reasoning_effort: str | None = None


class MemberGiven(Given):
    """One place in a pool."""

    connection: str = Field(description="The id of a connection.")
    model: str = Field(description="The model's id as the connection knows it.")
    label: str | None = None
    system: str | None = None
    aspect: str | None = Field(None, description="What it is asked for: structure, tone, facts …")
    required: bool | None = Field(None, description="Waited for until its deadline, whatever the quorum.")
    deadline_s: float | None = Field(
        None, description="Seconds from when its request is sent; null follows the run."
    )
    params: Params | None = None


class PoolGiven(Given):
    """What may be set. A list of members replaces the one before."""

    name: str | None = None
    zero_retention: bool | None = Field(
        None,
        description="OpenRouter sends its runs, the judge's calls too, only to providers that keep nothing; "
        "other connections know no such switch. null is false.",
    )
    members: list[MemberGiven] | None = Field(None, description="1 to 8, in order; a model may appear twice.")


class PoolChanged(PoolGiven):
    """What may be changed."""

    version: int | None = Field(
        None, description="The version that the change builds on; null asks nothing of it."
    )


class NewPool(PoolGiven):
    """What a new pool needs."""

    model_config = ConfigDict(json_schema_extra={"required": ["name", "members"]})


class MemberOut(Schema):
    """One place in a pool as it is kept."""

    connection: str
    model: str
    label: str
    system: str
    aspect: str
    required: bool
    deadline_s: float | None
    params: dict[str, Any]


class PoolOut(Schema):
    """A pool."""

    id: str
    name: str
    zero_retention: bool
    members: list[MemberOut]
    version: int
    created_at: datetime
    updated_at: datetime


class PoolPage(Schema):
    """One page of pools."""

    items: list[PoolOut]
    next: str | None


def shown(row: Pool) -> dict[str, Any]:
    """Give a pool as programs read it."""
    return {
        "id": row.pk,
        **plain_pool(row),
        "version": seen_as(row),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


@router.get("", response=PoolPage)
def list_pools(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the team's pools by name."""
    pools = Pool.objects.filter(team=caller(request).token.team_id).prefetch_related("members")
    rows, following = page(pools, paging)
    return {"items": [shown(row) for row in rows], "next": following}


@router.post("", response={201: PoolOut})
def create_pool(request: HttpRequest, payload: NewPool) -> dict[str, Any]:
    """Make a pool."""
    return shown(save_pool(caller(request).membership, payload.given()))


@router.get("/{pool_id}", response=PoolOut)
def read_pool(request: HttpRequest, pool_id: str) -> dict[str, Any]:
    """Give one pool."""
    return shown(found(request, Pool, pool_id))


@router.patch("/{pool_id}", response=PoolOut)
def change_pool(request: HttpRequest, pool_id: str, payload: PoolChanged) -> dict[str, Any]:
    """Change the fields that are sent; 409 where `version` is sent and is not that of the pool any more."""
    return shown(changed(request, payload, found(request, Pool, pool_id), save_pool))


@router.delete("/{pool_id}", response={204: None})
def delete_pool(request: HttpRequest, pool_id: str) -> None:
    """Delete a pool that no preset uses; 409 says by what it is used."""
    delete(caller(request).membership, found(request, Pool, pool_id))


@router.post("/{pool_id}/duplicate", response={201: PoolOut})
def duplicate_pool(request: HttpRequest, pool_id: str) -> dict[str, Any]:
    """Copy a pool."""
    return shown(duplicate(caller(request).membership, found(request, Pool, pool_id)))


add_versions(router, "pool", shown, PoolOut)
add_transfers(router, "pool", shown, PoolOut)
add_export(router, "pool")
