"""The loop that the other tests run on keeps its promises, for they rest on it."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.engine.virtual_time import Stuck, run


def test_an_hour_takes_no_time_and_timers_fire_in_order() -> None:
    fired: list[tuple[float, str]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        fired.append((asyncio.get_running_loop().time(), name))

    async def main() -> float:
        await asyncio.gather(sleeper("b", 3600), sleeper("a", 0.1), sleeper("c", 3600))
        return asyncio.get_running_loop().time()

    began = time.perf_counter()
    assert run(main()) == 3600
    assert fired == [(0.1, "a"), (3600, "b"), (3600, "c")]
    assert time.perf_counter() - began < 60


def test_times_that_are_no_decimals_come_too() -> None:
    async def main() -> float:
        for _ in range(300):
            await asyncio.sleep(1 / 3)
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(100, abs=0.001)


def test_waiting_for_nothing_is_an_error_and_no_deadlock() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        run(main())


def test_timeouts_go_by_the_virtual_clock() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7):
                await asyncio.sleep(100)
        return asyncio.get_running_loop().time()

    assert run(main()) == 7
