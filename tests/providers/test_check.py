"""Testing a connection: each way it can be wrong has its own words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers import CheckResult, Clocks, KeyFacts, Providers
from tests.providers.server import HOLD, QUICK, RawServer, Script, body, providers_for

MODELS = body({"object": "list", "data": [{"id": "m"}]})


async def check(*scripts: Script, **endpoint: Any) -> CheckResult:
    async with RawServer(scripts) as server:
        return await check_at(server, **endpoint)


async def check_at(server: RawServer, settings: Any = None, **endpoint: Any) -> CheckResult:
    providers = providers_for(server, **(settings or {}))
    try:
        return await providers.check(server.endpoint(**endpoint))
    finally:
        await providers.aclose()


async def wrong(*scripts: Script, **endpoint: Any) -> AskError:
    result = await check(*scripts, **endpoint)
    assert not result.ok
    assert result.error is not None
    return result.error


async def test_a_connection_that_works() -> None:
    assert await check(MODELS) == CheckResult(True)


@pytest.mark.parametrize("models", [{"data": None}, {"data": []}, []])
async def test_an_api_without_models(models: Any) -> None:
    error = await wrong(body(models))
    assert (error.kind, "no models" in error.message) == (ErrorKind.NOT_FOUND, True)


async def test_a_wrong_key() -> None:
    error = await wrong(body({"detail": "Invalid API key sk-secret-key"}, 401))
    assert (error.kind, error.status) == (ErrorKind.AUTH, 401)
    assert "sk-secret" not in error.message


async def test_a_server_that_wants_a_key_where_none_was_given() -> None:
    error = await wrong(body({"error": {"message": "Invalid API Key", "code": 401}}, 401), api_key=None)
    assert error.message == ("The server wants an API key, and this connection has none: Invalid API Key")


@pytest.mark.parametrize("page", ["<html>router login</html>", "It works!", '{"status": "ok"}'])
async def test_something_that_is_no_api(page: str) -> None:
    error = await wrong(body(page))
    assert (error.kind, "base URL of an OpenAI-compatible API?" in error.message) == (
        ErrorKind.PROTOCOL,
        True,
    )


async def test_a_base_url_with_nothing_behind_it() -> None:
    error = await wrong(body("404 page not found", 404))
    assert (error.kind, error.message) == (
        ErrorKind.NOT_FOUND,
        "There is no API at this base URL (most end in /v1): 404 page not found",
    )


async def test_nobody_listening() -> None:
    async with RawServer([MODELS]) as server:
        pass
    result = await check_at(server)
    assert result.error is not None
    assert (result.error.kind, result.error.message[:27]) == (
        ErrorKind.NETWORK,
        "No connection to 127.0.0.1.",
    )


async def test_a_server_that_is_not_listed_is_told_like_nobody_listening() -> None:
    async with RawServer([MODELS]) as closed:
        pass
    expected = await check_at(closed)
    async with RawServer([MODELS]) as server:
        providers = Providers(frozenset(), retries=QUICK)
        assert await providers.check(server.endpoint()) == expected
        await providers.aclose()
        assert server.connections == 0


async def test_a_server_that_does_not_answer() -> None:
    async with RawServer([Script([], HOLD)]) as server:
        result = await check_at(server, {"clocks": Clocks(fetch_s=0.1)})
    assert result.error is not None
    assert result.error.kind is ErrorKind.TIMEOUT


async def test_an_address_that_is_none() -> None:
    assert (await wrong(MODELS, base_url="nonsense")).kind is ErrorKind.BAD_REQUEST


async def test_a_key_that_cannot_be_sent() -> None:
    assert (await wrong(MODELS, api_key="a b")).kind is ErrorKind.AUTH


async def test_openrouter_is_asked_about_the_key_because_its_catalogue_is_open_to_all() -> None:
    async with RawServer([body({"data": {"label": "k"}}), MODELS]) as server:
        assert (await check_at(server, kind="openrouter")).ok
        assert [request.line.split()[1] for request in server.requests] == ["/v1/key", "/v1/models"]
    denied = await wrong(
        body({"error": {"message": "User not found.", "code": 401}}, 401), MODELS, kind="openrouter"
    )
    assert denied.kind is ErrorKind.AUTH
    assert (await wrong(MODELS, kind="openrouter", api_key=None)).kind is ErrorKind.AUTH


async def test_a_stand_in_for_openrouter_without_key_lookup_still_works() -> None:
    assert await check(body("not found", 404), MODELS, kind="openrouter") == CheckResult(True)


async def test_what_openrouter_tells_of_the_key() -> None:
    data = {
        "label": "sk-or-v1-0e6...",
        "limit": 10,
        "limit_remaining": 3.25,
        "usage": 6.75,
        "is_free_tier": False,
    }
    told = body({"data": data | {"expires_at": "2027-12-31T23:59:59Z", "rate_limit": {"requests": -1}}})
    expires = datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)
    key = KeyFacts(Decimal("3.25"), Decimal(10), Decimal("6.75"), False, expires)
    assert await check(told, MODELS, kind="openrouter") == CheckResult(True, None, key)
    without_models = await check(told, body([]), kind="openrouter")
    assert (without_models.ok, without_models.key) == (False, key)


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        ({"limit": None, "limit_remaining": None, "usage": 0}, KeyFacts(usage=Decimal(0))),
        ({"limit": 1, "limit_remaining": -0.5}, KeyFacts(Decimal("-0.5"), Decimal(1))),
        ({"limit": "a lot", "usage": float("nan"), "is_free_tier": 1, "expires_at": "soon"}, KeyFacts()),
        ({"limit": True, "limit_remaining": True, "expires_at": 1798761599}, KeyFacts()),
        ({"expires_at": "2027-01-01"}, KeyFacts(expires_at=datetime(2027, 1, 1, tzinfo=UTC))),
        (["no", "object"], KeyFacts()),
        (None, KeyFacts()),
    ],
)
async def test_what_is_not_known_of_the_key_is_unknown(data: Any, facts: KeyFacts) -> None:
    assert (await check(body({"data": data}), MODELS, kind="openrouter")).key == facts


async def test_a_kept_connection_that_was_closed_meanwhile_does_not_fail_the_test() -> None:
    async with RawServer([Script([]), MODELS]) as server:
        assert (await check_at(server)).ok
