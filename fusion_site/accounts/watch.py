"""Watching over those who listen: each is told within a second when the right to listen has ended, or another role is theirs.

The rows are the truth, whoever changed them and in whichever process. They are looked at for everybody at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from contextvars import Context
from typing import TypeVar

from fusion_site.accounts.models import Membership
from fusion_site.accounts.passes import Pass, places_of
from fusion_site.ops.querying import DISTURBED, query

log = logging.getLogger(__name__)

T = TypeVar("T")

# Between two looks at the rows, in seconds.
LOOK_S = 0.5


class Watched:
    """One who listens by a pass. `tell` is called on the event loop with the new place, or None for the last time."""

    def __init__(self, given: Pass, role: str, tell: Callable[[Membership | None], None]) -> None:
        self.given, self.role, self.tell = given, role, tell


_watched: set[Watched] = set()
_looking: asyncio.Task[None] | None = None


def join(given: Pass, place: Membership, tell: Callable[[Membership | None], None]) -> Watched:
    """Watch over one more, who has the place now; to be ended by `leave`."""
    global _looking
    watched = Watched(given, place.role, tell)
    _watched.add(watched)
    if _looking is None:
        # In a context of its own: the caller's says in which thread its request's queries are made.
        _looking = asyncio.get_running_loop().create_task(_look_again_and_again(), context=Context())
    return watched


def leave(watched: Watched) -> None:
    """Watch no longer; nobody looks when nobody listens. It may be left more than once."""
    global _looking
    _watched.discard(watched)
    if not _watched and _looking is not None:
        _looking.cancel()
        _looking = None


async def _look_again_and_again() -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            await _look()
        except DISTURBED:
            log.warning("the database is away; whether access has ended is looked at when it is back")
        except Exception:
            log.exception("the look at who may still listen failed")


async def _look() -> None:
    asked = {watched.given for watched in _watched}
    places = await query(places_of, asked)
    for watched in [each for each in _watched if each.given in asked]:
        place = places.get(watched.given)
        if place is None:
            _watched.discard(watched)
            watched.tell(None)
        elif place.role != watched.role:
            watched.role = place.role
            watched.tell(place)


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
