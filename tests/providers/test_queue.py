"""The line before a connection: its limit, its order, and the place that is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fusion_site.engine.asking import (
    AskError,
    AskEvent,
    AskFinished,
    AskQueued,
    AskStarted,
    ErrorKind,
    ModelRef,
    Outcome,
)
from fusion_site.providers import Clocks, Endpoint, EndpointUnavailable
from fusion_site.providers.queue import AskQueue, Queues
from tests.providers.server import HELLO, RawServer, Script, asker_for, providers_for, question


class Gated(RawServer):
    """Answers each request only when told; counts how many run at once."""

    running = 0
    most = 0

    async def _play(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.acquire()
        await super()._play(script, reader, writer)
        self.running -= 1

    async def until_running(self, count: int) -> None:
        async with asyncio.timeout(30):
            while self.running < count:
                await asyncio.sleep(0)

    async def __aenter__(self) -> Gated:
        self.gate = asyncio.Semaphore(0)
        await super().__aenter__()
        return self


async def test_never_more_than_the_limit_run_and_all_are_served() -> None:
    async with Gated([HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint(parallel=2))

        async def read() -> list[AskEvent]:
            return [happened async for happened in asker.ask(question())]

        tasks = [asyncio.create_task(read()) for _ in range(7)]
        for served in range(7):
            await server.until_running(min(2, 7 - served))
            server.gate.release()
        results = await asyncio.gather(*tasks)
        assert server.most == 2
        assert len(server.requests) == 7
        assert all(isinstance(events[-1], AskFinished) for events in results)
        await providers.aclose()


async def test_every_change_of_place_is_told_and_the_order_is_kept() -> None:
    started: list[int] = []
    seen: dict[int, list[AskEvent]] = {}
    async with Gated([HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint(parallel=1))

        async def read(number: int) -> None:
            events = seen.setdefault(number, [])
            async for happened in asker.ask(question()):
                events.append(happened)
                if happened == AskStarted():
                    started.append(number)

        tasks = []
        for number in range(4):
            tasks.append(asyncio.create_task(read(number)))
            while not seen.get(number):
                await asyncio.sleep(0)
        for task in tasks:
            server.gate.release()
            await task
        await providers.aclose()
    assert started == [0, 1, 2, 3]
    places = [[event.place for event in seen[n] if isinstance(event, AskQueued)] for n in range(4)]
    assert places == [[], [1], [2, 1], [3, 2, 1]]


async def test_clocks_start_when_the_queue_is_left() -> None:
    async with Gated([HELLO]) as server:
        providers = providers_for(server, clocks=Clocks())
        asker = asker_for(providers, server.endpoint(parallel=1))
        first, second = asker.ask(question()), asker.ask(question(deadline_s=5))
        assert await anext(first) == AskStarted()
        waiting = asyncio.ensure_future(anext(first))
        assert await anext(second) == AskQueued(1)
        server.clock.skip(6)  # longer than the second one's deadline
        server.gate.release()
        await waiting
        assert [happened async for happened in first]
        server.gate.release()
        rest = [happened async for happened in second]
        assert isinstance(rest[-1], AskFinished)
        assert rest[-1].outcome is Outcome.COMPLETE
        await providers.aclose()


async def test_connections_have_lines_of_their_own() -> None:
    async with Gated([HELLO]) as server:
        providers = providers_for(server)
        asker = asker_for(providers, server.endpoint(parallel=1))
        one = asker.ask(question())
        other = asker.ask(replace(question(), model=ModelRef("other", "m")))
        assert await anext(one) == AskStarted()
        assert await anext(other) == AskStarted()
        await one.aclose()
        await other.aclose()
        await providers.aclose()


async def test_a_key_withdrawn_while_queueing_is_not_used() -> None:
    async with Gated([HELLO]) as server:
        providers = providers_for(server)
        gone = False

        async def endpoints(_: str) -> Endpoint:
            if gone:
                raise EndpointUnavailable(AskError(ErrorKind.AUTH, "This connection needs its key again."))
            return server.endpoint(parallel=1)

        asker = providers.asker(endpoints)
        first, second = asker.ask(question()), asker.ask(question())
        assert await anext(first) == AskStarted()
        assert await anext(second) == AskQueued(1)
        gone = True
        await first.aclose()
        last = await anext(second)
        assert isinstance(last, AskFinished)
        assert (last.outcome, last.total_ms) == (Outcome.ERROR, None)
        assert last.error == AskError(ErrorKind.AUTH, "This connection needs its key again.")
        assert server.requests == []
        await providers.aclose()


def test_a_raised_limit_admits_those_who_wait() -> None:
    queue = AskQueue(1)
    first, second = queue.join(1), queue.join(1)
    assert (first.place, second.place) == (0, 1)
    third = queue.join(3)
    assert (second.place, third.place) == (0, 0)


def test_a_lowered_limit_waits_for_those_who_run() -> None:
    queue = AskQueue(2)
    first, second = queue.join(2), queue.join(2)
    third = queue.join(1)
    first.leave()
    assert third.place == 1
    second.leave()
    assert third.place == 0


def test_leaving_twice_gives_back_one_place() -> None:
    queue = AskQueue(1)
    first, second, third = (queue.join(1) for _ in range(3))
    first.leave()
    first.leave()
    assert (second.place, third.place) == (0, 1)


def test_an_empty_line_is_forgotten() -> None:
    queues = Queues()
    _, leave = queues.join("key", 1)
    held = queues._queues
    assert list(held) == ["key"]
    leave()
    assert not held
