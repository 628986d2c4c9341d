"""“Test connection” says in one sentence what is wrong, in each way in which a server can be wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings

from fusion_site.accounts.models import Membership
from fusion_site.pools import reaching
from fusion_site.pools.flows.check_connection import check_connection
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import Connection
from tests.providers.server import Blunt, RawServer, Script, body

NO_API = (
    "The server's reply could not be understood: it is {}. Is this the base URL of an OpenAI-compatible API?"
)
MODELS = body({"data": [{"id": "m"}]})

CASES: dict[str, tuple[Script, dict[str, str], str]] = {
    "wrong key": (
        body({"error": {"message": "Incorrect API key provided"}}, 401),
        {"api_key": "sk-wrong-12345"},
        "The server refused the API key: Incorrect API key provided",
    ),
    "no key": (
        body({"error": {"message": "Missing key"}}, 401),
        {},
        "The server wants an API key, and this connection has none: Missing key",
    ),
    "web page": (body("<!DOCTYPE html><title>Router</title>"), {}, NO_API.format("a web page")),
    "not JSON": (body("It works!"), {}, NO_API.format("not JSON")),
    "nothing there": (
        body("404 page not found", 404),
        {},
        "There is no API at this base URL (most end in /v1): 404 page not found",
    ),
    "no models": (
        body({"object": "list", "data": None}),
        {},
        "The server answers as an API should, but offers no models; load or install one there first.",
    ),
}


async def said(place: Membership, settings: LazySettings, server: RawServer, given: dict[str, Any]) -> str:
    """Make a connection to the server, test it, and give the message that its row shows."""
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({server.host_port})
    given = {"name": "Lab", "kind": "openai", "base_url": server.base_url} | given
    row = await sync_to_async(save_connection)(place, given)
    fault = await check_connection(place, row)
    await reaching.close_providers()
    kept = await Connection.objects.aget(pk=row.pk)
    if fault is None:
        assert (kept.state, kept.check_error) == ("ready", None)
        return ""
    assert kept.state == "failing"
    assert kept.check_error == {"kind": fault.kind, "message": fault.message}
    return fault.message


@pytest.mark.parametrize("case", CASES)
async def test_what_is_wrong_with_a_server(place: Membership, settings: LazySettings, case: str) -> None:
    script, given, words = CASES[case]
    async with RawServer([script]) as server:
        assert await said(place, settings, server, given) == words


async def test_a_server_that_works(place: Membership, settings: LazySettings) -> None:
    async with RawServer([MODELS]) as server:
        assert await said(place, settings, server, {}) == ""


async def test_a_port_that_speaks_no_tls(place: Membership, settings: LazySettings) -> None:
    async with Blunt([Script([b"HTTP/1.1 400 Bad Request\r\n\r\n"])]) as server:
        given = {"base_url": server.base_url.replace("http:", "https:")}
        message = await said(place, settings, server, given)
    assert message == "No secure connection to 127.0.0.1: it does not speak TLS there."


async def test_nobody_there_and_not_allowed_are_told_alike(place: Membership, settings: LazySettings) -> None:
    async with RawServer([MODELS]) as server:
        pass
    closed = await said(place, settings, server, {})
    async with RawServer([MODELS]) as other:
        settings.FUSION_PRIVATE_UPSTREAMS = frozenset({other.host_port})
        given = {"name": "Lab", "kind": "openai", "base_url": other.base_url}
        row = await sync_to_async(save_connection)(place, given)
        settings.FUSION_PRIVATE_UPSTREAMS = frozenset()  # taken off the list since
        fault = await check_connection(place, row)
        await reaching.close_providers()
        assert other.connections == 0
    assert fault is not None
    assert closed == fault.message
    assert re.match(r"No connection to 127\.0\.0\.1\. Check the address: ", closed)
