"""Catalogues that have grown old are heard anew in the background, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings
from django.utils import timezone

from fusion_site.accounts.models import Membership, User
from fusion_site.pools import reaching
from fusion_site.pools.flows.refresh_catalogue import refresh_catalogue, refresh_stale_catalogues
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.starter import ensure_local_connections
from fusion_site.pools.models import CatalogueModel, Connection
from tests.pools.models_server import ModelsServer

LONG_AGO = timedelta(hours=2)


@pytest.fixture
def servers(settings: LazySettings) -> Iterator[list[ModelsServer]]:
    """Give three servers that list models, all of them listed by the operator."""
    listing = [ModelsServer() for _ in range(3)]
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset(server.host_port for server in listing)
    settings.FUSION_REHEARSAL = False
    yield listing
    for server in listing:
        server.close()


@pytest.fixture
def labs(place: Membership, servers: list[ModelsServer]) -> list[Connection]:
    """Give a connection to each server; nothing was heard of any of them yet."""
    return [
        save_connection(
            place,
            {"name": f"Lab {n}", "kind": "openai", "base_url": server.url, "api_key": f"sk-lab-{n}-12345"},
        )
        for n, server in enumerate(servers)
    ]


@asynccontextmanager
async def reach() -> AsyncIterator[None]:
    """Close the loop's clients at the end."""
    try:
        yield
    finally:
        await reaching.close_providers()


def age(connection: Connection, **fields: object) -> None:
    """Let what is kept of a connection be two hours old, and change `fields` of its row."""
    at = timezone.now() - LONG_AGO
    Connection.objects.filter(pk=connection.pk).update(**{"catalogue_at": at, **fields})


def models_of(connection: Connection) -> list[str]:
    """Give what is kept of a connection's catalogue."""
    return list(CatalogueModel.objects.filter(connection=connection).values_list("model", flat=True))


async def test_only_what_is_stale_is_asked(labs: list[Connection], servers: list[ModelsServer]) -> None:
    async with reach():
        for lab in labs:
            await refresh_catalogue(lab)
        await sync_to_async(age)(labs[1])
        servers[1].body = {"data": [{"id": "newer"}]}
        await refresh_stale_catalogues()
        await refresh_stale_catalogues()
    assert [len(server.keys) for server in servers] == [1, 2, 1]
    assert await sync_to_async(models_of)(labs[1]) == ["newer"]


async def test_connections_that_are_not_ready_are_left_alone(
    labs: list[Connection], servers: list[ModelsServer]
) -> None:
    await sync_to_async(age)(labs[0], key_lost=True)
    await sync_to_async(age)(labs[1], check_error={"kind": "auth", "message": "No."})
    async with reach():
        await refresh_stale_catalogues()
    assert [len(server.keys) for server in servers] == [0, 0, 1]


async def test_a_failure_is_logged_and_the_next_one_is_asked(
    labs: list[Connection], servers: list[ModelsServer], caplog: pytest.LogCaptureFixture
) -> None:
    servers[0].status = 503
    with caplog.at_level(logging.INFO):
        async with reach():
            await refresh_stale_catalogues()
    told = [record for record in caplog.records if labs[0].pk in record.getMessage()]
    assert [record.levelname for record in told] == ["INFO"]
    assert "sk-lab" not in caplog.text
    assert await sync_to_async(models_of)(labs[2]) == ["alpha"]


async def test_they_are_asked_one_at_a_time(labs: list[Connection], servers: list[ModelsServer]) -> None:
    first = min(zip(labs, servers, strict=True), key=lambda pair: pair[0].name)[1]
    first.gate = threading.Event()
    async with reach():
        refreshing = asyncio.create_task(refresh_stale_catalogues())
        assert await asyncio.to_thread(first.asked.wait, 30)
        assert [server.asked.is_set() for server in servers] == [server is first for server in servers]
        first.gate.set()
        await refreshing
    assert all(server.asked.is_set() for server in servers)


async def test_a_new_team_hears_of_the_rehearsal_models(
    labs: list[Connection], charlie: User, settings: LazySettings
) -> None:
    settings.FUSION_REHEARSAL = True
    await sync_to_async(ensure_local_connections)()
    row = await Connection.objects.aget(team__memberships__user=charlie, kind="rehearsal")
    async with reach():
        await refresh_stale_catalogues()
    assert "rehearsal/planner" in await sync_to_async(models_of)(row)


@pytest.mark.parametrize(
    ("url", "told"),
    [("https://fusion.example.com", "https://fusion.example.com"), ("http://127.0.0.1:8000", None)],
)
async def test_openrouter_is_told_the_public_address_of_this_site(
    place: Membership, settings: LazySettings, models_server: ModelsServer, url: str, told: str | None
) -> None:
    settings.FUSION_URL = url
    given = {"name": "R", "kind": "openrouter", "base_url": models_server.url, "api_key": "sk-or-v1-12345"}
    router = await sync_to_async(save_connection)(place, given)
    async with reach():
        await refresh_catalogue(router)
    assert models_server.referers == [told]
