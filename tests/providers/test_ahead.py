"""Reading ahead: asked of a Compact host alone, beside its queue, and without a word of how it went."""

from __future__ import annotations

import asyncio

import pytest

from tests.providers.server import (
    HELLO,
    HOLD,
    RESET,
    RawServer,
    Script,
    asker_for,
    body,
    head,
    providers_for,
    question,
)

WANTED = question("Long", json_schema={"type": "object"}, temperature=0.0, max_tokens=900, deadline_s=9.0)


@pytest.mark.parametrize("kind", ["openai", "openrouter", "rehearsal"])
async def test_other_servers_are_not_asked(kind: str) -> None:
    async with RawServer([HELLO]) as server:
        providers = providers_for(server)
        await asker_for(providers, server.endpoint(kind=kind)).read_ahead(WANTED)
        assert server.requests == []
        await providers.aclose()


async def test_nothing_is_to_be_written_and_no_form_is_asked_for() -> None:
    async with RawServer([HELLO]) as server:
        providers = providers_for(server)
        await asker_for(providers, server.endpoint(kind="compact")).read_ahead(WANTED)
        (seen,) = server.requests
        assert seen.json["max_tokens"] == 0
        assert seen.json["messages"] == [{"role": "user", "content": "Long"}]
        assert "response_format" not in seen.json
        assert seen.headers["authorization"] == "Bearer sk-secret-key"
        await providers.aclose()


@pytest.mark.parametrize(
    "script",
    [
        body({"error": {"message": "no"}}, 503),
        Script([b""], RESET),
        Script([head(302, "text/html", "Location: http://127.0.0.1:1/")]),
    ],
)
async def test_what_goes_wrong_is_not_told(script: Script) -> None:
    async with RawServer([script]) as server:
        providers = providers_for(server)
        await asker_for(providers, server.endpoint(kind="compact")).read_ahead(WANTED)
        assert len(server.requests) == 1
        await providers.aclose()


async def test_it_takes_no_place_and_being_dropped_closes_its_connection() -> None:
    async with RawServer([Script([head()], HOLD), HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint(kind="compact", parallel=1))
        reading = asyncio.create_task(asker.read_ahead(WANTED))
        await server.asked.wait()
        events = [event async for event in asker.ask(question())]
        assert "AskQueued" not in {type(event).__name__ for event in events}
        reading.cancel()
        await server.gone.wait()
        assert reading.cancelled() or not reading.done()
        await providers.aclose()
