"""Watching over those who follow links live: each is told within a second when there is nothing behind the link any more.

The rows are the truth, whoever changed them and in whichever process. They are looked at for everybody at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from fusion_site.accounts.passes import Pass, places_of
from fusion_site.ops.querying import query
from fusion_site.ops.rounds import Rounds
from fusion_site.runs.sharing.access import is_allowed, is_for_team, living


@dataclass(frozen=True, slots=True)
class Follower:
    """One who follows a link; `given` is their pass to the team, if they have one."""

    share: str
    given: Pass | None
    tell: Callable[[], None]


def join(follower: Follower) -> None:
    """Watch over one more; `tell` is called on the event loop when it is over. To be ended by `leave`."""
    _rounds.join(follower)


def leave(follower: Follower) -> None:
    """Watch no longer. It may be left more than once."""
    _rounds.leave(follower)


async def _look(followers: set[Follower]) -> None:
    for follower in await query(_turned_away, followers):
        if follower in _rounds:
            leave(follower)
            follower.tell()


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


_rounds = Rounds("whether links are dead", _look)
