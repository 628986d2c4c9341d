"""Keeping the claims of one process alive, and hearing what people want stopped: for all its runs in one look."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from django.db.models import BooleanField, ExpressionWrapper, Q

from fusion_site.engine.results import AnswerKey
from fusion_site.ops.querying import DISTURBED, query
from fusion_site.runs.claiming import RENEW_S, renew
from fusion_site.runs.models import Answer, Run

log = logging.getLogger(__name__)

# A request to stop that another process stored is seen after this many seconds at most.
LOOK_S = 0.5


class Kept(Protocol):
    """A run that is worked on here."""

    @property
    def epoch(self) -> int:
        """The fencing number of its claim."""
        ...

    def fence(self) -> None:
        """Learn that somebody else has taken the run over."""
        ...

    def stop(self) -> None:
        """Stop the run for a person."""
        ...

    def stop_answer(self, key: AnswerKey) -> None:
        """Stop one answer for a person."""
        ...

    def guide(self) -> None:
        """Learn that a person has chosen what the fused answer keeps."""
        ...


class Keeper:
    """Looks at the rows of everything that is kept, twice a second, from when it is made until `aclose`."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._kept: dict[str, Kept] = {}
        self._renew_at = 0.0
        self._task = asyncio.create_task(self._run())

    @contextmanager
    def keeping(self, run_id: str, kept: Kept) -> Iterator[None]:
        """Keep a run that has just been claimed, for the length of the block."""
        self._kept[run_id] = kept
        try:
            yield
        finally:
            del self._kept[run_id]

    async def aclose(self) -> None:
        """End."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except DISTURBED:
                # A lease that runs out meanwhile is still this process's, until somebody else takes the run.
                log.warning("leases could not be renewed: the database is away")
            except Exception:
                log.exception("leases could not be renewed")
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        if not self._kept:
            return
        now = asyncio.get_running_loop().time()
        is_due = now >= self._renew_at
        wishes = await query(look, list(self._kept), self._owner if is_due else None)
        if is_due:
            self._renew_at = now + RENEW_S
        for run_id, wish in wishes.items():
            if (kept := self._kept.get(run_id)) is not None:
                _heed(kept, wish)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the rows say of a run: its claim now, what is to be stopped, and whether a person has just chosen."""

    epoch: int
    stop: bool
    answers: tuple[AnswerKey, ...] = ()
    is_guided: bool = False


def look(run_ids: Collection[str], owner: str | None) -> dict[str, Wish]:
    """Give what the rows say of these runs, having renewed the leases that `owner`, if given, holds on them."""
    if owner is not None:
        renew(run_ids, owner)
    has_chosen = Q(guidance__isnull=False, guided_until__isnull=False)
    chosen = ExpressionWrapper(has_chosen, output_field=BooleanField())
    rows = Run.every.filter(pk__in=run_ids).order_by()
    told = rows.values_list("pk", "epoch", "cancel_requested", chosen)
    asked: dict[str, list[AnswerKey]] = {}
    stopped = Answer.objects.filter(run__in=run_ids, cancel_requested=True, outcome="").order_by()
    for run_id, number, member in stopped.values_list("run", "round", "member"):
        asked.setdefault(run_id, []).append(AnswerKey(number, member))
    return {pk: Wish(epoch, stop, tuple(asked.get(pk, ())), guided) for pk, epoch, stop, guided in told}


def _heed(kept: Kept, wish: Wish) -> None:
    if wish.epoch != kept.epoch:
        kept.fence()
        return
    for key in wish.answers:
        kept.stop_answer(key)
    if wish.is_guided:
        kept.guide()
    if wish.stop:
        kept.stop()
