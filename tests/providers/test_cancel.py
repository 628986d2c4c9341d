"""Giving up: the socket closes at once, wherever the ask stands, and no last event follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest

from fusion_site.engine.asking import AskEvent, AskFinished, AskQueued, AskRetrying, AskStarted, AskText
from fusion_site.providers import Clocks, Retries
from tests.providers.server import (
    DONE,
    HELLO,
    HOLD,
    RawServer,
    Script,
    asker_for,
    body,
    event,
    frame,
    head,
    providers_for,
    question,
    says,
)

OPEN = Script([head(), frame(event(says("a")))], HOLD)
SILENT = Script([], HOLD)


async def until(events: AsyncGenerator[AskEvent, None], kind: type[AskEvent]) -> None:
    async for happened in events:
        if isinstance(happened, kind):
            return
    raise AssertionError(f"no {kind.__name__} came")


async def test_closing_the_generator_in_mid_stream_closes_the_socket() -> None:
    async with RawServer([OPEN]) as server:
        providers = providers_for(server)
        events = asker_for(providers, server.endpoint()).ask(question())
        await until(events, AskText)
        assert not server.gone.is_set()
        await events.aclose()
        await asyncio.wait_for(server.gone.wait(), 1)
        await providers.aclose()


@pytest.mark.parametrize("script", [OPEN, SILENT])
async def test_cancelling_the_task_closes_the_socket(script: Script) -> None:
    seen: list[AskEvent] = []
    async with RawServer([script]) as server:
        providers = providers_for(server)

        async def read() -> None:
            async for happened in asker_for(providers, server.endpoint()).ask(question()):
                seen.append(happened)

        task = asyncio.create_task(read())
        await server.asked.wait()
        while script is OPEN and not any(isinstance(happened, AskText) for happened in seen):
            await asyncio.sleep(0)
        assert not server.gone.is_set()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), 1)
        await providers.aclose()
    assert not any(isinstance(happened, AskFinished) for happened in seen)


async def test_giving_up_in_the_queue_sends_nothing_and_frees_the_place() -> None:
    async with RawServer([OPEN, HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint(parallel=1))
        first, second, third = (asker.ask(question()) for _ in range(3))
        await until(first, AskText)
        await until(second, AskQueued)
        assert await anext(third) == AskQueued(2)
        await second.aclose()
        assert await anext(third) == AskQueued(1)
        assert len(server.requests) == 1
        await first.aclose()
        assert isinstance([happened async for happened in third][-1], AskFinished)
        await providers.aclose()


async def test_giving_up_while_waiting_to_try_again() -> None:
    async with RawServer([body({"error": {"message": "x"}}, 503), HELLO]) as server:
        providers = providers_for(server, retries=Retries(base_s=30, cap_s=30), clocks=Clocks())
        events = asker_for(providers, server.endpoint(parallel=1)).ask(question())
        await until(events, AskRetrying)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        again = asker_for(providers, server.endpoint(parallel=1)).ask(question())
        assert await anext(again) == AskStarted()  # the place is free
        await again.aclose()
        assert len(server.requests) == 1
        await providers.aclose()


async def test_a_failed_ask_frees_its_place_before_it_says_so() -> None:
    async with RawServer([body({"error": {"message": "x"}}, 400), HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint(parallel=1))
        async for happened in asker.ask(question()):
            if isinstance(happened, AskFinished):
                other = asker.ask(question())
                assert await anext(other) == AskStarted()
                await other.aclose()
        await providers.aclose()


async def test_a_finished_stream_leaves_its_connection_for_the_next() -> None:
    keep = Script([head(), frame(event(says("a", "stop")) + DONE), b"0\r\n\r\n"], "keep")
    async with RawServer([keep]) as server:
        providers = providers_for(server)
        for _ in range(3):
            async for _ in asker_for(providers, server.endpoint()).ask(question()):
                pass
        assert (len(server.requests), server.connections) == (3, 1)
        await providers.aclose()
