"""A loop's clock that stands while the process stands still, so that a busy machine uses up no time limit of a test."""

from __future__ import annotations

import asyncio
import time
from typing import Any

# So much of each turn of the loop counts, and so long at most it waits for news in one turn.
TURN_S = 0.01


class SteadyClock:
    """Runs as fast as time does while the loop turns. Time limits of one process and one loop are fair by it."""

    def __init__(self) -> None:
        self._at = self._seen = time.monotonic()

    def now(self) -> float:
        """Give the time in seconds."""
        return self._at + min(time.monotonic() - self._seen, TURN_S)

    def turn(self) -> None:
        """Begin the next turn of the loop."""
        self._at, self._seen = self.now(), time.monotonic()

    def skip(self, seconds: float) -> None:
        """Let time pass at once: what is due by then happens in the next turn."""
        self._at += seconds


def keep_steady() -> SteadyClock:
    """Give the running loop such a clock until the loop ends, or give the one it has."""
    loop: Any = asyncio.get_running_loop()
    if not isinstance(getattr(loop.time, "__self__", None), SteadyClock):
        _put_into(loop, SteadyClock())
    clock: SteadyClock = loop.time.__self__
    return clock


def _put_into(loop: Any, clock: SteadyClock) -> None:
    wait = loop._selector.select

    def select(timeout: float | None = None) -> Any:
        news = wait(TURN_S if timeout is None else min(timeout, TURN_S))
        clock.turn()
        return news

    loop.time, loop._selector.select = clock.now, select
