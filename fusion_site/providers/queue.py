"""First come, first served: how many requests of one connection run at once, and who waits at which place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable


class Ticket:
    """One ask's place: first in the line, then among the running, until `leave`."""

    def __init__(self, queue: AskQueue) -> None:
        self._queue = queue
        self._moved = asyncio.Event()
        self.place = 0
        """The place in the line, counted from 1; 0 once admitted."""

    async def places(self) -> AsyncGenerator[int, None]:
        """Yield the place in the line at each change of it; ends when the ask may run."""
        while place := self.place:
            yield place
            while self.place == place:
                self._moved.clear()
                await self._moved.wait()

    def leave(self) -> None:
        """Give the place back, running or waiting; the next one moves up. More than once does no harm."""
        self._queue.leave(self)

    def move(self, place: int) -> None:
        """Stand at `place` now (the queue's own call)."""
        if place != self.place:
            self.place = place
            self._moved.set()


class AskQueue:
    """Admits tickets in the order they joined, at most `limit` at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = max(1, limit)
        self._running: set[Ticket] = set()
        self._waiting: dict[Ticket, None] = {}

    @property
    def idle(self) -> bool:
        """Whether nobody runs or waits here."""
        return not self._running and not self._waiting

    def join(self, limit: int) -> Ticket:
        """Give a ticket at the end of the line; `limit` is the connection's limit as it is now."""
        self._limit = max(1, limit)
        ticket = Ticket(self)
        self._waiting[ticket] = None
        self._advance()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Take `ticket` out, wherever it stands."""
        self._running.discard(ticket)
        self._waiting.pop(ticket, None)
        self._advance()

    def _advance(self) -> None:
        while self._waiting and len(self._running) < self._limit:
            ticket = next(iter(self._waiting))
            del self._waiting[ticket]
            self._running.add(ticket)
            ticket.move(0)
        for place, ticket in enumerate(self._waiting, start=1):
            ticket.move(place)


class Queues:
    """One AskQueue per key, kept only while somebody stands in it."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, AskQueue] = {}

    def join(self, key: Hashable, limit: int) -> tuple[Ticket, Callable[[], None]]:
        """Give a ticket for `key` and the function that gives it back."""
        queue = self._queues.setdefault(key, AskQueue(limit))
        ticket = queue.join(limit)

        def leave() -> None:
            ticket.leave()
            if queue.idle and self._queues.get(key) is queue:
                del self._queues[key]

        return ticket, leave
