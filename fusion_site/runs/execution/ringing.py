"""Ringing for what the journal has stored: in order, and never holding the journal up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

Bell = Callable[[str, list[dict[str, Any]]], Awaitable[None]]

# Bells that wait while the channel layer is slow. Beyond that they are lost: every listener looks at the rows anyway.
MOST = 1000
# How long the last bells may take at the end, in seconds.
LAST_S = 1.0


class Ringer:
    """Rings one bell after the other in a task of its own. A bell that fails or is lost costs time, never an event."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._waiting: asyncio.Queue[tuple[str, list[dict[str, Any]]]] = asyncio.Queue(MOST)
        self._is_broken = False
        self._task = asyncio.create_task(self._run())

    def ring(self, run: str, events: list[dict[str, Any]]) -> None:
        """Have the bell of a run rung; returns at once."""
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait((run, events))

    async def aclose(self) -> None:
        """Ring what still waits, and end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self._waiting.join()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            run, events = await self._waiting.get()
            try:
                await self._bell(run, events)
            except Exception:
                self._tell(is_broken=True)
            else:
                self._tell(is_broken=False)
            self._waiting.task_done()

    def _tell(self, *, is_broken: bool) -> None:
        """Log once when the bell breaks and once when it rings again, not at every event in between."""
        if is_broken and not self._is_broken:
            log.warning("the doorbell is broken; listeners look at the rows meanwhile", exc_info=True)
        elif self._is_broken and not is_broken:
            log.info("the doorbell rings again")
        self._is_broken = is_broken
