"""Getting a key from OpenRouter for the code that a person came back with."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers import AskFailed, Attribution, Clocks, Providers
from tests.providers.server import HOLD, QUICK, RawServer, Script, body, providers_for

CODE, VERIFIER = "auth_code_0123456789", "a-verifier-of-forty-three-characters-or-more"
GOOD = body({"key": "sk-or-v1-new", "user_id": "user_1"})


async def key_at(server: RawServer, base_url: str | None = None, **settings: Any) -> str:
    providers = providers_for(server, **settings)
    try:
        return await providers.key_for(base_url or server.base_url, CODE, VERIFIER)
    finally:
        await providers.aclose()


async def failing(*scripts: Script, **settings: Any) -> AskError:
    async with RawServer(scripts) as server:
        with pytest.raises(AskFailed) as caught:
            await key_at(server, **settings)
        assert len(server.requests) <= 1, "a code is used up by the first request"
    assert CODE not in caught.value.error.message
    assert VERIFIER not in caught.value.error.message
    return caught.value.error


async def test_a_code_becomes_a_key() -> None:
    async with RawServer([GOOD]) as server:
        assert await key_at(server, attribution=Attribution("https://fusion.example")) == "sk-or-v1-new"
        [request] = server.requests
    assert request.line == "POST /v1/auth/keys HTTP/1.1"
    assert request.json == {"code": CODE, "code_verifier": VERIFIER, "code_challenge_method": "S256"}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["http-referer"] == "https://fusion.example"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("said", ["Invalid code or code_verifier", "Authorization code expired"])
async def test_a_code_that_is_not_accepted(said: str) -> None:
    error = await failing(body({"error": {"message": f"{said}: {CODE} {VERIFIER}", "code": 403}}, 403))
    assert (error.status, said in error.message) == (403, True)


@pytest.mark.parametrize(
    "reply", [{}, [], {"key": None}, {"key": ""}, {"key": "a b"}, {"key": "k\n"}, {"key": "x" * 4097}]
)
async def test_a_reply_without_a_usable_key(reply: Any) -> None:
    error = await failing(body(reply))
    assert (error.kind, "no key" in error.message) == (ErrorKind.PROTOCOL, True)


async def test_a_web_page_instead_of_a_key() -> None:
    assert "web page" in (await failing(body("<html>maintenance</html>"))).message


async def test_a_redirect_takes_the_code_nowhere() -> None:
    assert (await failing(body("", 307, "Location: http://127.0.0.1:9/"), GOOD)).kind is ErrorKind.PROTOCOL


async def test_a_dropped_connection_is_not_tried_again() -> None:
    assert (await failing(Script([]), GOOD)).kind is ErrorKind.NETWORK


async def test_a_server_that_does_not_answer() -> None:
    assert (await failing(Script([], HOLD), clocks=Clocks(fetch_s=0.1))).kind is ErrorKind.TIMEOUT


async def test_an_address_that_is_not_allowed_is_not_asked() -> None:
    async with RawServer([GOOD]) as server:
        providers = Providers(frozenset(), retries=QUICK)
        with pytest.raises(AskFailed) as caught:
            await providers.key_for(server.base_url, CODE, VERIFIER)
        await providers.aclose()
        assert (caught.value.error.kind, server.connections) == (ErrorKind.NETWORK, 0)
