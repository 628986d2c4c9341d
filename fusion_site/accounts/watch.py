"""Watching over those who listen: each is told within a second when the right to listen has ended, or another role is theirs.

The rows are the truth, whoever changed them and in whichever process. They are looked at for everybody at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from fusion_site.accounts.models import Membership
from fusion_site.accounts.passes import Pass, places_of
from fusion_site.ops.querying import query
from fusion_site.ops.rounds import Rounds

T = TypeVar("T")


class Watched:
    """One who listens by a pass. `tell` is called on the event loop with the new place, or None for the last time."""

    def __init__(self, given: Pass, role: str, tell: Callable[[Membership | None], None]) -> None:
        self.given, self.role, self.tell = given, role, tell


def join(given: Pass, place: Membership, tell: Callable[[Membership | None], None]) -> Watched:
    """Watch over one more, who has the place now; to be ended by `leave`."""
    watched = Watched(given, place.role, tell)
    _rounds.join(watched)
    return watched


def leave(watched: Watched) -> None:
    """Watch no longer. It may be left more than once."""
    _rounds.leave(watched)


async def _look(asked: set[Watched]) -> None:
    places = await query(places_of, {watched.given for watched in asked})
    for watched in asked:
        if watched not in _rounds:
            continue
        place = places.get(watched.given)
        if place is None:
            leave(watched)
            watched.tell(None)
        elif place.role != watched.role:
            watched.role = place.role
            watched.tell(place)


_rounds = Rounds("whether access has ended", _look)


async def while_good(
    given: Pass, place: Membership, source: AsyncGenerator[T, None]
) -> AsyncGenerator[T, None]:
    """Yield what `source` yields for as long as the pass is good; then close it, also in the middle of a wait."""
    gate = _Gate()
    watched = join(given, place, gate.tell)
    try:
        async with aclosing(source):
            while (item := await gate.next_of(source)) is not None:
                yield item
    finally:
        leave(watched)


class _Gate:
    """Lets items through until it is shut, which ends the wait that is going on."""

    def __init__(self) -> None:
        self._limit: asyncio.Timeout | None = None
        self._shut = asyncio.Event()

    def tell(self, place: Membership | None) -> None:
        """Shut it when the place is lost; another role sees the same."""
        if place is None:
            self._shut.set()
            if self._limit is not None:
                self._limit.reschedule(0)

    async def next_of(self, source: AsyncGenerator[T, None]) -> T | None:
        """Give the next item, or None where there is none any more, or the gate is or gets shut."""
        if self._shut.is_set():
            return None
        try:
            async with asyncio.timeout(None) as self._limit:
                return await anext(source, None)
        except TimeoutError:
            if not self._shut.is_set():
                raise
            return None
        finally:
            self._limit = None
