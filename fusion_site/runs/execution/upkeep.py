"""What is kept up to date behind the pages: what connections offer, what cut calls have cost, and what may go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from fusion_site.accounts.flows.forget_expired import forget_expired
from fusion_site.compact.status import CompactStatus
from fusion_site.compact.supervisor import CompactSupervisor
from fusion_site.ops.querying import DISTURBED, query
from fusion_site.pools.flows.delete import forget_deleted
from fusion_site.pools.flows.refresh_catalogue import refresh_local_catalogues, refresh_stale_catalogues
from fusion_site.pools.models import Kind
from fusion_site.providers import AskFailed
from fusion_site.runs.execution.duty import on_duty
from fusion_site.runs.execution.reconciling import LOOK_S, Reconciler
from fusion_site.runs.finding.flows.index import index_due
from fusion_site.runs.flows.delete import empty_deleted
from fusion_site.runs.flows.draft import forget_drafts
from fusion_site.runs.flows.enclose import forget_pictures
from fusion_site.runs.flows.remove_teams import remove_due_teams
from fusion_site.runs.flows.thin import thin_ended_runs
from fusion_site.runs.flows.trim_versions import trim_versions
from fusion_site.runs.hooks.flows.renew_secret import forget_secrets
from fusion_site.runs.hooks.flows.send import forget_deliveries, send_due

log = logging.getLogger(__name__)

# How often stale catalogues are looked for, in seconds.
CATALOGUES_EVERY_S = 600.0
# How often runs are looked for that ended long enough ago to be thinned, in seconds.
THIN_EVERY_S = 60.0
# How often sessions and the like are looked for that have run out, in seconds.
EXPIRED_EVERY_S = 3600.0
# How often deleted teams are looked for whose time is over, in seconds.
TEAMS_EVERY_S = 60.0
# How often it is looked for what was deleted long enough ago to be forgotten, in seconds.
FORGET_EVERY_S = 3600.0
# How often it is looked for things with more versions than are kept, in seconds.
VERSIONS_EVERY_S = 600.0
# How often it is looked for runs that are to be indexed for the search, in seconds.
INDEX_EVERY_S = 2.0
# How long others come to write between two batches of them, in seconds.
INDEX_PAUSE_S = 0.02
# How often it is looked for ends of runs that are to be told to webhooks, in seconds.
HOOKS_EVERY_S = 2.0
# How long a process of many stays the one that does a chore, in seconds.
TURN_S = 15.0


class Upkeep:
    """Background tasks of one process, from `start` to `stop`, on the event loop that starts them.

    With an `owner`, this is one process of many, and each chore is done by one of them at a time.
    """

    def __init__(self, compact: CompactSupervisor | None, *, owner: str | None = None) -> None:
        self._compact, self._owner = compact, owner
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; returns at once."""
        self._begin(self._catalogues())
        self._begin(every(LOOK_S, self._in_turn("bills", Reconciler().look)))
        self._begin(every(THIN_EVERY_S, self._in_turn("thinning", _thin)))
        self._begin(every(TEAMS_EVERY_S, self._in_turn("teams", _remove_teams)))
        self._begin(every(EXPIRED_EVERY_S, self._in_turn("expired", _forget_expired)))
        self._begin(every(FORGET_EVERY_S, self._in_turn("forgetting", _forget)))
        self._begin(every(VERSIONS_EVERY_S, self._in_turn("versions", _trim_versions)))
        self._begin(every(FORGET_EVERY_S, self._in_turn("pictures", _forget_attached)))
        self._begin(every(INDEX_EVERY_S, self._in_turn("indexing", _index)))
        self._begin(every(HOOKS_EVERY_S, self._in_turn("webhooks", _tell_hooks)))
        if self._compact is not None:
            self._begin(_compact_catalogue(self._compact))

    async def stop(self) -> None:
        """End what is going on."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _catalogues(self) -> None:
        if settings.FUSION_REHEARSAL:
            await _refresh_local(Kind.REHEARSAL)
        await every(CATALOGUES_EVERY_S, self._in_turn("catalogues", refresh_stale_catalogues))

    def _in_turn(self, name: str, chore: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Give the chore as it is done here: of many processes, by the one whose turn it is."""
        owner = self._owner
        if owner is None:
            return chore

        async def done_in_turn() -> None:
            if await query(on_duty, name, owner, TURN_S):
                await chore()

        return done_in_turn

    def _begin(self, chore: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(chore))


async def every(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    """Do a chore for ever, with a pause after each time; one that fails is logged and done again."""
    while True:
        try:
            await chore()
        except DISTURBED as error:
            log.warning("%s has to wait: %s", getattr(chore, "__name__", chore), error)
        except Exception:
            log.exception("%s failed", getattr(chore, "__name__", chore))
        await asyncio.sleep(seconds)


async def _forget_expired() -> None:
    await query(forget_expired)


async def _thin() -> None:
    while await query(thin_ended_runs, timezone.now()):
        pass  # a few at a time, until none is left


async def _remove_teams() -> None:
    await query(remove_due_teams, timezone.now())


async def _forget() -> None:
    for forget in (forget_deleted, empty_deleted, forget_deliveries, forget_secrets):
        while await query(forget, timezone.now()):
            pass  # some at a time, until none is left


async def _index() -> None:
    while await query(index_due):
        await asyncio.sleep(INDEX_PAUSE_S)


async def _tell_hooks() -> None:
    while await send_due():
        pass  # some at a time, until none is due


async def _trim_versions() -> None:
    await query(trim_versions)


async def _forget_attached() -> None:
    await query(forget_drafts, timezone.now())
    while await query(forget_pictures, timezone.now()):
        pass  # a few at a time, until none is left


async def _compact_catalogue(compact: CompactSupervisor) -> None:
    """Hear of the Compact host's model whenever it has become ready: after a restart it may be another one."""
    while True:
        ready = await compact.wait_for("ready")
        await _refresh_local(Kind.COMPACT)
        await compact.wait_until(partial(_is_another, ready))


def _is_another(before: CompactStatus, now: CompactStatus) -> bool:
    """Whether the host has ended, or another one has taken over from it."""
    return now.state != "ready" or now.address != before.address


async def _refresh_local(kind: Kind) -> None:
    try:
        await refresh_local_catalogues(kind)
    except AskFailed as failed:
        log.info("the %s host was not asked for its models: %s", kind.value, failed.error.message)
    except Exception:
        log.exception("what the %s host offers could not be kept", kind.value)
