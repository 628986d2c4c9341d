"""An event loop whose clock jumps: hours of waiting take no time, and every run of a test goes the same way."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """Nothing is ready and no timer is set: what the loop runs would wait forever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0 s; when nothing is ready, its clock is set to the next timer."""

    def __init__(self) -> None:
        self._at = 0.0
        super().__init__(_Jumping(self._jump))

    def time(self) -> float:
        """Give the virtual time in seconds."""
        return self._at

    def _jump(self, seconds: float) -> None:
        # Up to the next whole microsecond: sums of decimals meet where they would on paper, and no timer comes early.
        self._at = math.ceil((self._at + seconds) * 1e6 - 1e-3) / 1e6


class _Jumping(selectors.SelectSelector):
    """A selector that never sleeps. The loop's own wake-up socket is all that it watches."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give what is ready now; else move the clock by `timeout`."""
        if ready := super().select(0):
            return ready
        if timeout is None:
            raise Stuck
        self._jump(timeout)
        return []


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time; raises Stuck where that would never come."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Make a test that runs so."""

    @wraps(test)
    def timed() -> None:
        run(test())

    return timed
