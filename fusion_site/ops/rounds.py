"""Looking again and again at the rows for all who depend on them, as long as anybody does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Generic, TypeVar

from fusion_site.ops.querying import DISTURBED

log = logging.getLogger(__name__)

T = TypeVar("T")

# Between two looks, in seconds.
LOOK_S = 0.5


class Rounds(Generic[T]):
    """Calls `look` with all who have joined, LOOK_S apart. One for a process, used on its event loop.

    A look that fails is a line in the log, which calls it by `what`; the next one comes all the same.
    """

    def __init__(self, what: str, look: Callable[[set[T]], Awaitable[None]]) -> None:
        """Nobody has joined yet, so nobody looks."""
        self._what, self._look = what, look
        self._joined: set[T] = set()
        self._looking: asyncio.Task[None] | None = None

    def join(self, one: T) -> None:
        """Look for one more, until they `leave`."""
        self._joined.add(one)
        if self._looking is None:
            # In a context of its own: the caller's says in which thread its request's queries are made.
            self._looking = asyncio.get_running_loop().create_task(self._go(), context=Context())

    def leave(self, one: T) -> None:
        """Look for one less; nobody looks when nobody is left. One may leave more than once."""
        self._joined.discard(one)
        if not self._joined and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def __contains__(self, one: object) -> bool:
        """Whether somebody who was looked for is there still."""
        return one in self._joined

    async def _go(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look(set(self._joined))
            except DISTURBED:
                log.warning("the database is away; %s is looked at when it is back", self._what)
            except Exception:
                log.exception("the look at %s failed", self._what)
