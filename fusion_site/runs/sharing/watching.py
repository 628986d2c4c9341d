"""Watching over those who follow links live: each is told within a second when there is nothing behind the link any more.

The rows are the truth, whoever changed them and in whichever process. They are looked at for everybody at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextvars import Context
from dataclasses import dataclass

from fusion_site.accounts.passes import Pass, places_of
from fusion_site.accounts.watch import LOOK_S
from fusion_site.ops.querying import DISTURBED, query
from fusion_site.runs.sharing.access import is_allowed, is_for_team, living

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Follower:
    """One who follows a link; `given` is their pass to the team, if they have one."""

    share: str
    given: Pass | None
    tell: Callable[[], None]


_followers: set[Follower] = set()
_looking: asyncio.Task[None] | None = None


def join(follower: Follower) -> None:
    """Watch over one more; `tell` is called on the event loop when it is over. To be ended by `leave`."""
    global _looking
    _followers.add(follower)
    if _looking is None:
        # In a context of its own: the caller's says in which thread its request's queries are made.
        _looking = asyncio.get_running_loop().create_task(_look_again_and_again(), context=Context())


def leave(follower: Follower) -> None:
    """Watch no longer; nobody looks when nobody follows. It may be left more than once."""
    global _looking
    _followers.discard(follower)
    if not _followers and _looking is not None:
        _looking.cancel()
        _looking = None


async def _look_again_and_again() -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            for follower in await query(_turned_away, set(_followers)):
                leave(follower)
                follower.tell()
        except DISTURBED:
            log.warning("the database is away; whether links are dead is looked at when it is back")
        except Exception:
            log.exception("the look at which links are dead failed")


def _turned_away(followers: Collection[Follower]) -> list[Follower]:
    """Give those behind whose link there is nothing for them any more."""
    shares = {share.pk: share for share in living().filter(pk__in={each.share for each in followers})}
    places = places_of({each.given for each in followers if each.given})
    return [
        each
        for each in followers
        if (share := shares.get(each.share)) is None
        or not is_allowed(share)
        or (is_for_team(share) and each.given not in places)
    ]
