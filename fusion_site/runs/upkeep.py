"""What is kept up to date behind the pages of the server: what connections offer, and what cut calls have cost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from django.conf import settings

from fusion_site.compact.supervisor import CompactSupervisor
from fusion_site.pools.flows.refresh_catalogue import refresh_local_catalogues, refresh_stale_catalogues
from fusion_site.pools.models import Kind
from fusion_site.providers import AskFailed
from fusion_site.runs.reconciling import LOOK_S, Reconciler

log = logging.getLogger(__name__)

# How often stale catalogues are looked for, in seconds.
CATALOGUES_EVERY_S = 600.0


class Upkeep:
    """Background tasks of the server's process, from `start` to `stop`, on the event loop that starts them."""

    def __init__(self, compact: CompactSupervisor | None) -> None:
        self._compact = compact
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; returns at once."""
        self._begin(_catalogues())
        self._begin(every(LOOK_S, Reconciler().look))
        if self._compact is not None:
            self._begin(_compact_catalogue(self._compact))

    async def stop(self) -> None:
        """End what is going on."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, chore: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(chore))


async def every(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    """Do a chore for ever, with a pause after each time; one that fails is logged and done again."""
    while True:
        try:
            await chore()
        except Exception:
            log.exception("%s failed", getattr(chore, "__name__", chore))
        await asyncio.sleep(seconds)


async def _catalogues() -> None:
    if settings.FUSION_REHEARSAL:
        await _refresh_local(Kind.REHEARSAL)
    await every(CATALOGUES_EVERY_S, refresh_stale_catalogues)


async def _compact_catalogue(compact: CompactSupervisor) -> None:
    """Hear of the Compact host's model whenever it has become ready: after a restart it may be another one."""
    while True:
        ready = await compact.wait_for("ready")
        await _refresh_local(Kind.COMPACT)
        if compact.status().address == ready.address:
            await compact.wait_for("off", "loading", "failed", "restarting")


async def _refresh_local(kind: Kind) -> None:
    try:
        await refresh_local_catalogues(kind)
    except AskFailed as failed:
        log.info("the %s host was not asked for its models: %s", kind.value, failed.error.message)
    except Exception:
        log.exception("what the %s host offers could not be kept", kind.value)
