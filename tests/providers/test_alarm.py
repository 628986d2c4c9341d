"""The time limit of many short waits behaves as asyncio.timeout does."""

from __future__ import annotations

import asyncio

import pytest

from fusion_site.providers.alarm import Alarm
from tests.engine.virtual_time import in_virtual_time


def now() -> float:
    return asyncio.get_running_loop().time()


async def wait(alarm: Alarm, limit_s: float, for_s: float = 5.0) -> None:
    with alarm.at(now() + limit_s):
        await asyncio.sleep(for_s)


@in_virtual_time
async def test_a_wait_past_the_moment_times_out() -> None:
    alarm = Alarm()
    with pytest.raises(TimeoutError):
        await wait(alarm, 0.02)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    alarm.close()


@in_virtual_time
async def test_a_moment_set_later_counts_though_the_timer_goes_off_before() -> None:
    alarm = Alarm()
    await wait(alarm, 0.02, for_s=0)
    await wait(alarm, 5, for_s=0.06)
    with pytest.raises(TimeoutError):
        await wait(alarm, 0.02)
    alarm.close()


@in_virtual_time
async def test_a_moment_set_earlier_counts_at_once() -> None:
    alarm = Alarm()
    await wait(alarm, 60, for_s=0)
    started = now()
    with pytest.raises(TimeoutError):
        await wait(alarm, 0.02)
    assert now() - started == pytest.approx(0.02)
    alarm.close()


@in_virtual_time
async def test_a_moment_in_the_past_times_out_in_the_next_wait() -> None:
    alarm = Alarm()
    with pytest.raises(TimeoutError):
        await wait(alarm, -1)
    alarm.close()


@in_virtual_time
async def test_nothing_rings_between_the_blocks() -> None:
    alarm = Alarm()
    await wait(alarm, 0.01, for_s=0)
    await asyncio.sleep(0.03)
    await wait(alarm, 5, for_s=0)
    alarm.close()


@in_virtual_time
async def test_a_cancellation_from_outside_is_passed_on() -> None:
    alarm = Alarm()
    task = asyncio.create_task(wait(alarm, 5))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    alarm.close()


@in_virtual_time
async def test_a_cancellation_from_outside_wins_over_the_alarm() -> None:
    alarm = Alarm()
    started = asyncio.Event()

    async def both() -> None:
        with alarm.at(now()):
            started.set()
            await asyncio.sleep(5)

    task = asyncio.create_task(both())
    await started.wait()
    asyncio.get_running_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    alarm.close()


@in_virtual_time
async def test_each_wait_may_belong_to_another_task() -> None:
    alarm = Alarm()
    await asyncio.create_task(wait(alarm, 5, for_s=0))
    with pytest.raises(TimeoutError):
        await asyncio.create_task(wait(alarm, 0.02))
    alarm.close()


@in_virtual_time
async def test_other_errors_pass_through() -> None:
    alarm = Alarm()
    with pytest.raises(ZeroDivisionError), alarm.at(now() + 5):
        raise ZeroDivisionError
    alarm.close()


@in_virtual_time
async def test_one_timer_serves_many_waits() -> None:
    alarm = Alarm()
    await wait(alarm, 5, for_s=0)
    timer = alarm._timer
    for _ in range(100):
        await wait(alarm, 6, for_s=0)
    assert alarm._timer is timer
    alarm.close()
    assert timer is not None
    assert timer.cancelled()
