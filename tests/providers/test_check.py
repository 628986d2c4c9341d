"""Testing a connection: each way it can be wrong has its own words."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers import CheckResult, Clocks, Providers
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


@pytest.mark.parametrize("page", ["<html>router login</html>", "It works!", '{"status": "ok"}'])
async def test_something_that_is_no_api(page: str) -> None:
    error = await wrong(body(page))
    assert (error.kind, "base URL of an OpenAI-compatible API?" in error.message) == (
        ErrorKind.PROTOCOL,
        True,
    )


async def test_a_base_url_with_nothing_behind_it() -> None:
    error = await wrong(body("404 page not found", 404))
    assert (error.kind, "most end in /v1" in error.message) == (ErrorKind.NOT_FOUND, True)


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
    assert (await check(body("not found", 404), MODELS, kind="openrouter")).ok


async def test_a_kept_connection_that_was_closed_meanwhile_does_not_fail_the_test() -> None:
    async with RawServer([Script([]), MODELS]) as server:
        assert (await check_at(server)).ok
