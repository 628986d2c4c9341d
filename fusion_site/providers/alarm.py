"""A time limit for many short waits in a row, at the cost of one timer instead of one per wait."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Alarm:
    """Limits each `with` block of one task to the moment last set; the block then raises TimeoutError.

    asyncio.timeout does the same, but makes and cancels a timer each time, which costs more than reading the few
    bytes of a token. Here the timer stays; when it goes off too early for the moment that counts now, it is set
    anew. It must be closed. Like asyncio.timeout it never takes a cancellation from outside for its own.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._until = 0.0
        self._pending = 0
        self._rang = False

    def at(self, until: float) -> Alarm:
        """Set the moment, on the loop's clock, for the block that follows."""
        self._until = until
        if self._timer is None or self._timer.when() > until:
            self._schedule(until)
        return self

    def close(self) -> None:
        """Take the timer back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> None:
        self._task = task = asyncio.current_task(self._loop)
        self._pending = task.cancelling() if task else 0
        self._rang = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if not self._rang or task is None:
            return
        if task.uncancel() <= self._pending and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def _schedule(self, until: float) -> None:
        self.close()
        self._timer = self._loop.call_at(until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return  # nobody waits; the next `at` sets a timer
        if self._loop.time() < self._until:
            self._schedule(self._until)
            return
        self._rang = True
        self._task.cancel()
