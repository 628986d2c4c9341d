"""`/api/v1/connections`: where a team's models are reached. A key goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from fusion_site.api.doors import Given, caller, found
from fusion_site.api.paging import Paging, page
from fusion_site.api.transfers import add_transfers
from fusion_site.api.versions import add_versions
from fusion_site.engine.asking import AskError
from fusion_site.pools.catalogue import offered
from fusion_site.pools.flows.check_connection import check_connection
from fusion_site.pools.flows.delete import delete
from fusion_site.pools.flows.duplicate import duplicate
from fusion_site.pools.flows.refresh_catalogue import refresh_catalogue
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import CatalogueModel, Connection
from fusion_site.pools.picking import family
from fusion_site.pools.plain import money_text, plain_connection

router = Router(tags=["connections"])


class ConnectionGiven(Given):
    """What may be set. A key of null is taken away; one that is left out stays."""

    name: str | None = None
    kind: Literal["openrouter", "openai", "compact"] | None = None
    base_url: str | None = Field(None, description="Ends in /v1; null is the kind's own address.")
    api_key: str | None = Field(
        None, description="Sealed on arrival; only its last four characters are shown."
    )
    parallel: int | None = Field(None, description="How many requests may run at once; null is 8.")


class NewConnection(ConnectionGiven):
    """What a new connection needs."""

    model_config = ConfigDict(json_schema_extra={"required": ["name", "kind"]})


class FaultOut(Schema):
    """Why models cannot be reached."""

    kind: str
    message: str


class ConnectionOut(Schema):
    """A connection. `state` is ready, needs_key or failing; `rehearsal` says that its models are scripts, not AI."""

    id: str
    name: str
    kind: str
    base_url: str | None
    key_hint: str | None
    state: str
    parallel: int
    rehearsal: bool
    checked_at: datetime | None
    check_error: FaultOut | None
    created_at: datetime
    updated_at: datetime


class ConnectionPage(Schema):
    """One page of connections."""

    items: list[ConnectionOut]
    next: str | None


class KeyOut(Schema):
    """What OpenRouter tells of a key. Amounts are US dollars as decimal strings; null is unknown, or no limit."""

    limit_remaining: str | None
    limit: str | None
    usage: str | None
    is_free_tier: bool | None
    expires_at: datetime | None


class CheckOut(Schema):
    """Whether the connection's models can be reached now; `key` is null where nothing is told of keys."""

    ok: bool
    error: FaultOut | None
    key: KeyOut | None


class ModelOut(Schema):
    """A model that a connection offers. Prices are US dollars per token as decimal strings; null is unknown."""

    id: str
    name: str
    context_length: int | None
    prompt_price: str | None
    completion_price: str | None
    family: str
    input_modalities: list[str] | None = Field(description="What it takes: text, image, file …")


class ModelPage(Schema):
    """One page of a catalogue."""

    items: list[ModelOut]
    next: str | None


class ModelQuery(Paging):
    """Which models are wanted."""

    q: str = Field("", max_length=100, description="Words that stand in the id or the name.")


def shown(row: Connection) -> dict[str, Any]:
    """Give a connection as programs read it."""
    return {
        "id": row.pk,
        **plain_connection(row),
        "key_hint": row.key_hint or None,
        "state": row.state,
        "rehearsal": row.is_rehearsal,
        "checked_at": row.checked_at,
        "check_error": row.check_error,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


@router.get("", response=ConnectionPage)
def list_connections(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the team's connections by name."""
    rows, following = page(Connection.objects.filter(team=caller(request).token.team_id), paging)
    return {"items": [shown(row) for row in rows], "next": following}


@router.post("", response={201: ConnectionOut})
def create_connection(request: HttpRequest, payload: NewConnection) -> dict[str, Any]:
    """Make a connection."""
    return shown(save_connection(caller(request).membership, payload.given()))


@router.get("/{connection_id}", response=ConnectionOut)
def read_connection(request: HttpRequest, connection_id: str) -> dict[str, Any]:
    """Give one connection."""
    return shown(found(request, Connection, connection_id))


@router.patch("/{connection_id}", response=ConnectionOut)
def change_connection(request: HttpRequest, connection_id: str, payload: ConnectionGiven) -> dict[str, Any]:
    """Change the fields that are sent. Another origin in `base_url` drops the key, unless a new one comes along."""
    row = found(request, Connection, connection_id)
    return shown(save_connection(caller(request).membership, payload.given(), row))


@router.delete("/{connection_id}", response={204: None})
def delete_connection(request: HttpRequest, connection_id: str) -> None:
    """Delete a connection that no pool and no judge uses; 409 says by what it is used."""
    delete(caller(request).membership, found(request, Connection, connection_id))


@router.post("/{connection_id}/duplicate", response={201: ConnectionOut})
def duplicate_connection(request: HttpRequest, connection_id: str) -> dict[str, Any]:
    """Copy a connection; the copy has no key."""
    return shown(duplicate(caller(request).membership, found(request, Connection, connection_id)))


@router.post("/{connection_id}/check", response=CheckOut)
async def check(request: HttpRequest, connection_id: str) -> dict[str, Any]:
    """Try to reach the connection's models now."""
    row = await sync_to_async(found)(request, Connection, connection_id)
    fault = await check_connection(caller(request).membership, row)
    return {"ok": fault is None, "error": _fault(fault), "key": row.key_facts}


@router.get("/{connection_id}/models", response=ModelPage)
async def list_models(request: HttpRequest, connection_id: str, wanted: Query[ModelQuery]) -> dict[str, Any]:
    """Give the models that the connection offers; asked anew when what is known is older than an hour."""
    row = await sync_to_async(found)(request, Connection, connection_id)
    await refresh_catalogue(row)
    rows, following = await sync_to_async(page)(offered(row, wanted.q), wanted, by=("model",))
    return {"items": [model_shown(row) for row in rows], "next": following}


def _fault(error: AskError | None) -> dict[str, str] | None:
    return {"kind": error.kind, "message": error.message} if error else None


def model_shown(row: CatalogueModel) -> dict[str, Any]:
    """Give a model on offer as programs read it."""
    return {
        "id": row.model,
        "name": row.name or row.model,
        "context_length": row.context_length,
        "prompt_price": money_text(row.prompt_price),
        "completion_price": money_text(row.completion_price),
        "family": family(row),
        "input_modalities": row.input_modalities,
    }


add_versions(router, "connection", shown, ConnectionOut)
add_transfers(router, "connection", shown, ConnectionOut)
