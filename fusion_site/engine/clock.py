"""The time of one pass, on the event loop's clock. All in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fusion_site.engine.settings import FusionSettings

# How long a call may pause that goes on beyond its turn as long as it writes.
SILENT_S = 5.0


class PassClock:
    """Tells how much time a pass has left, which began `elapsed_s` ago."""

    def __init__(self, settings: FusionSettings, elapsed_s: float = 0.0) -> None:
        self._now = asyncio.get_running_loop().time
        self._judging_s = settings.deadline_s - settings.answering_s
        self._deadline_s = settings.deadline_s
        self.ends_at = self._now() + settings.deadline_s - elapsed_s

    def restart(self) -> None:
        """Give the pass all its time once more: a person was waited for."""
        self.ends_at = self._now() + self._deadline_s

    @property
    def left_s(self) -> float:
        """Give the time until this pass must have its fused answer; below 0 when it is late."""
        return self.ends_at - self._now()

    def turn(self) -> Turn:
        """Give a call its turn, which leaves time for what has to follow if it hangs."""
        return Turn(self)

    @property
    def answering_left_s(self) -> float:
        """Give the time for which answers still count: what is left, less what is kept for judging."""
        return self.left_s - self._judging_s


class Turn:
    """The time that a call has where something has to follow it: half of what is left when its turn begins.

    It goes on beyond that as long as it writes: a stand-in would have to begin anew, and might be no faster.
    """

    def __init__(self, clock: PassClock) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._ends_at = self._loop.time() + max(0.0, clock.left_s) / 2
        self._drop: Callable[[], None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether somebody else is to be asked now."""
        return self._ends_at <= self._loop.time()

    @contextmanager
    def bounding(self, drop: Callable[[], None]) -> Iterator[None]:
        """Have a call dropped when its turn is over."""
        self._drop = drop
        self._look()
        try:
            yield
        finally:
            self._timer.cancel()
            self._drop = None

    def wrote(self) -> None:
        """Take in that something was written."""
        self._ends_at = min(self._clock.ends_at, max(self._ends_at, self._loop.time() + SILENT_S))

    def end(self) -> None:
        """End it at once."""
        self._ends_at = self._loop.time()
        if self._drop is not None:
            self._drop()

    def _look(self) -> None:
        self._timer = self._loop.call_at(self._ends_at, self._look)
        if self.is_over and self._drop is not None:
            self._timer.cancel()
            self._drop()
