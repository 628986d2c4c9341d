"""Watching over those who follow runs on their pages: each is told within a second when the run is deleted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from fusion_site.ops.querying import query
from fusion_site.ops.rounds import Rounds
from fusion_site.runs.models import Run


@dataclass(frozen=True, slots=True)
class Onlooker:
    """One who follows a run; `tell` is called on the event loop when there is nothing to see any more."""

    run: str
    tell: Callable[[], None]


def join(onlooker: Onlooker) -> None:
    """Watch over one more, to be ended by `leave`."""
    _rounds.join(onlooker)


def leave(onlooker: Onlooker) -> None:
    """Watch no longer. It may be left more than once."""
    _rounds.leave(onlooker)


async def _look(onlookers: set[Onlooker]) -> None:
    there = await query(_there, {each.run for each in onlookers})
    for onlooker in [each for each in onlookers if each.run not in there]:
        if onlooker in _rounds:
            leave(onlooker)
            onlooker.tell()


def _there(run_ids: Collection[str]) -> set[str]:
    return set(Run.objects.filter(pk__in=run_ids).order_by().values_list("pk", flat=True))


_rounds = Rounds("whether runs are deleted", _look)
