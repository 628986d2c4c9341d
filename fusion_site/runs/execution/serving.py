"""What lives in the server's process besides its two doors: the supervisors of runs and of the Compact host, and upkeep."""

from __future__ import annotations

import gc
import logging

from django.conf import settings

from fusion_site.compact.files.errands import Errands
from fusion_site.compact.options import HostOptions
from fusion_site.compact.supervisor import CompactSupervisor
from fusion_site.ops.loop import LoopWatch
from fusion_site.ops.querying import query
from fusion_site.pools import compact_files, compact_host
from fusion_site.pools.compact_choice import chosen, hosted_file
from fusion_site.pools.flows.starter import ensure_local_connections
from fusion_site.pools.reaching import asker, close_providers
from fusion_site.runs.execution.supervisor import Supervisor
from fusion_site.runs.execution.upkeep import Upkeep
from fusion_site.runs.queue import use_queue

log = logging.getLogger(__name__)


class Backstage:
    """Starts and stops everything that works behind the pages, on the running event loop."""

    def __init__(self) -> None:
        self.watch = LoopWatch()
        self._runs: Supervisor | None = None
        self._compact: CompactSupervisor | None = None
        self._errands: Errands | None = None
        self._upkeep: Upkeep | None = None

    async def start(self) -> None:
        """Begin: the Compact host loads, runs left by an earlier process go on, and new ones are taken.

        With PostgreSQL there is nothing of this here: `manage.py worker` works on the runs.
        """
        self.watch.start()
        await query(ensure_local_connections)
        if not settings.FUSION_IS_CLUSTER:
            await self._work_here()
        # What is loaded by now stays: the garbage collector need not go through it again and again.
        gc.freeze()
        log.info("the site has started")

    async def _work_here(self) -> None:
        row, file = await query(chosen), await query(hosted_file)
        options = HostOptions.from_environment()
        self._compact = CompactSupervisor(
            file,
            settings.FUSION_COMPACT_STATE,
            options=options,
            idle_s=row.idle_s,
            templates=compact_files.templates(),
        )
        self._errands = Errands(compact_files.place())
        compact_host.supervised_by(self._compact, self._errands)
        if row.is_on:
            await self._compact.start()
        self._runs = Supervisor(asker())
        use_queue(self._runs)
        self._runs.start()
        self._upkeep = Upkeep(self._compact)
        self._upkeep.start()

    async def stop(self) -> None:
        """End: runs are parked for the next start, the Compact host is stopped, sockets are closed."""
        log.info("the site stops")
        use_queue(None)
        if self._upkeep is not None:
            await self._upkeep.stop()
        if self._runs is not None:
            await self._runs.stop()
        if self._compact is not None:
            await self._compact.stop()
        if self._errands is not None:
            await self._errands.stop()
            compact_host.supervised_by(None)
        await close_providers()
        await self.watch.stop()
