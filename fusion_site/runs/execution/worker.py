"""What lives in the process of `manage.py worker`: jobs are fetched from PostgreSQL, and their runs are worked on."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from django.utils import timezone
from procrastinate.contrib.django import app as site_app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector

from fusion_site.ops.querying import DISTURBED, query
from fusion_site.pools.reaching import asker, close_providers
from fusion_site.runs.claiming import PATIENCE, free_leases_of_the_dead, new_owner
from fusion_site.runs.execution.jobs import HEARTBEAT_S, STALLED_S, requeue_given_back, requeue_stalled
from fusion_site.runs.execution.supervisor import PARK_WITHIN_S, SWEEP_S, Supervisor
from fusion_site.runs.execution.upkeep import Upkeep

log = logging.getLogger(__name__)

# PostgreSQL tells of new jobs at once; this is for a notice that got lost, in seconds.
FETCH_EVERY_S = 2.0
# After the queue could not be reached, in seconds.
PAUSE_S = 0.5


class Worker:
    """Works on up to `concurrency` runs at once, from `start` to `stop`, on the event loop that starts it.

    It outlasts restarts of PostgreSQL: runs go on, and what they report is written when the database is back.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._supervisor = Supervisor(asker())
        self._upkeep = Upkeep(None, owner=new_owner())

    def start(self) -> None:
        """Begin; a database that is not there yet is waited for."""
        # The start may be the end of an outage, too.
        self._be_patient()
        self._fetching = asyncio.create_task(self._fetch())
        self._sweeping = asyncio.create_task(self._sweep())
        self._upkeep.start()

    async def stop(self) -> None:
        """Fetch nothing more, park every run for the other workers, and end within seconds."""
        self._sweeping.cancel()
        # Fetching ends first, so that no parked run comes straight back.
        self._fetching.cancel()
        await self._upkeep.stop()
        await self._supervisor.stop()
        await asyncio.wait([self._fetching, self._sweeping], timeout=PARK_WITHIN_S)
        await close_providers()

    def _be_patient(self) -> None:
        """Leave to their owners what ran out in an outage that may have just ended, a restart of the database or not."""
        self._patient_until = timezone.now() + PATIENCE

    async def _fetch(self) -> None:
        """Have procrastinate hand out jobs; it ends with each outage of the database, and is started again."""
        while True:
            try:
                await self._fetch_until_disturbed()
            except (ConnectorException, *DISTURBED) as error:
                log.warning("the queue of runs cannot be reached: %s", error)
            # It stands on connections of its own, and so notices the shortest outage, which a sweep may miss.
            self._be_patient()
            await asyncio.sleep(PAUSE_S)

    async def _fetch_until_disturbed(self) -> None:
        connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=4, timeout=5.0)
        async with site_app.with_connector(connector).open_async() as app:
            await app.run_worker_async(
                # Runs that outlived an outage count, too.
                concurrency=max(1, self._concurrency - self._supervisor.working_on),
                additional_context={"at_work": self._supervisor},
                install_signal_handlers=False,
                fetch_job_polling_interval=FETCH_EVERY_S,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_S,
                shutdown_graceful_timeout=PARK_WITHIN_S,
                delete_jobs="always",
            )

    async def _sweep(self) -> None:
        """Queue again what was lost."""
        while True:
            try:
                await query(sweep, self._patient_until)
            except DISTURBED:
                self._be_patient()
            except Exception:
                log.exception("the look for lost runs failed")
            await asyncio.sleep(SWEEP_S)


def sweep(patient_until: datetime) -> None:
    """Queue again what was lost; until `patient_until`, only what nobody can still hold."""
    free_leases_of_the_dead()
    requeue_given_back()
    if timezone.now() >= patient_until:
        requeue_stalled()
