"""The promise of every ask: one last event, never an exception, whatever fails."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fusion_site.engine.asking import AskError, AskEvent, AskFinished, AskStarted, ErrorKind, Outcome, Usage
from fusion_site.providers import Clocks, Endpoint, EndpointUnavailable
from tests.providers.server import (
    HELLO,
    HOLD,
    RawServer,
    Result,
    Script,
    asker_for,
    event,
    frame,
    head,
    providers_for,
    question,
    says,
)


async def test_a_connection_that_is_unavailable_ends_the_ask_with_its_error() -> None:
    error = AskError(ErrorKind.AUTH, "This connection needs its key again.")

    async def endpoints(_: str) -> Endpoint:
        raise EndpointUnavailable(error)

    providers = providers_for()
    events = [event async for event in providers.asker(endpoints).ask(question())]
    assert events == [AskFinished(Outcome.ERROR, error, Usage())]
    await providers.aclose()


async def test_a_fault_of_our_own_ends_the_ask_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def endpoints(_: str) -> Endpoint:
        raise ZeroDivisionError("the vault is empty")

    providers = providers_for()
    with caplog.at_level(logging.ERROR):
        result = Result([event async for event in providers.asker(endpoints).ask(question())])
    await providers.aclose()
    assert (result.outcome, result.error.kind, result.error.retryable) == (
        Outcome.ERROR,
        ErrorKind.SERVER,
        False,
    )
    assert "vault" not in result.error.message
    assert "the vault is empty" in caplog.text


async def test_connections_are_looked_up_by_id_at_each_ask() -> None:
    asked: list[str] = []
    async with RawServer([HELLO]) as server:

        async def endpoints(connection: str) -> Endpoint:
            asked.append(connection)
            return server.endpoint()

        providers = providers_for(server)
        asker = providers.asker(endpoints)
        for _ in range(2):
            assert Result([happened async for happened in asker.ask(question())]).text == "Hello"
        await providers.aclose()
    assert asked == ["c", "c"]


async def test_each_event_may_be_fetched_by_another_task() -> None:
    gate = asyncio.Event()
    script = Script([head(), frame(event(says("a"))), gate, frame(event(says("b", "stop"))), b"0\r\n\r\n"])
    seen: list[AskEvent] = []
    async with RawServer([script]) as server:
        providers = providers_for(server)
        events = asker_for(providers, server.endpoint()).ask(question())
        while not (seen and isinstance(seen[-1], AskFinished)):
            seen.append(await asyncio.create_task(anext(events)))
            gate.set() if Result(seen).text == "a" else None
        await providers.aclose()
    assert (Result(seen).text, seen[0]) == ("ab", AskStarted())


async def test_closing_the_providers_ends_what_runs() -> None:
    async with RawServer([Script([head(), frame(event(says("a")))], HOLD)]) as server:
        providers = providers_for(server, clocks=Clocks(idle_s=2))
        events = asker_for(providers, server.endpoint()).ask(question())
        seen = [await anext(events), await anext(events)]
        await providers.aclose()
        seen += [happened async for happened in events]
        assert Result(seen).text == "a"
        assert Result(seen).outcome is Outcome.INTERRUPTED
        await asyncio.wait_for(server.gone.wait(), 1)
