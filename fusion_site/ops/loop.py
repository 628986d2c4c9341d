"""Watching an event loop: how late it wakes, and what fails in it without anybody waiting for it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from fusion_site.ops.metrics import LOOP_LAG

log = logging.getLogger(__name__)

LOOK_S = 0.5
# A loop that has not come round for this long is stuck.
STUCK_S = 15.0


class LoopWatch:
    """Measures the loop that starts it, and logs what its default handler would print."""

    def __init__(self) -> None:
        self._turned_at = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_report)
        self._task = loop.create_task(self._look(), name="loop watch")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def is_turning(self) -> bool:
        """Whether the loop still comes round; may be asked from any thread."""
        return time.monotonic() - self._turned_at < STUCK_S

    async def _look(self) -> None:
        while True:
            due = time.monotonic() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._turned_at = time.monotonic()
            LOOP_LAG.observe(max(0.0, self._turned_at - due))


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what failed unseen, without the representations that the default handler adds: they may quote a prompt."""
    task = context.get("task") or context.get("future")
    name = (
        getattr(task.get_coro(), "__qualname__", "a task") if isinstance(task, asyncio.Task) else "a callback"
    )
    log.error(
        "nobody waited for what failed in %s: %s", name, context["message"], exc_info=context.get("exception")
    )
