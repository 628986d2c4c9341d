"""Working on many runs in one process, as tasks on its event loop; on a single machine it is the queue, too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import Context

from django.db import connection, transaction

from fusion_site.engine.asking import Asker
from fusion_site.engine.results import AnswerKey
from fusion_site.ops.log_facts import carrying
from fusion_site.ops.querying import DISTURBED, query
from fusion_site.runs.bell import ring
from fusion_site.runs.claiming import claimable, free_leases_of_the_dead, new_owner
from fusion_site.runs.execution.executing import Execution
from fusion_site.runs.execution.journal import Journal
from fusion_site.runs.execution.keeping import Keeper
from fusion_site.runs.flows.park import park_runs
from fusion_site.runs.queue import queue

log = logging.getLogger(__name__)

# How often a run is looked for that a killed process left behind, in seconds.
SWEEP_S = 2.0
# How long parking may take, in seconds. Where the database is away, what could not be written by then is given up.
PARK_WITHIN_S = 4.0


class Supervisor:
    """Works on every run that is submitted here, and after `start` on those that nobody works on any more.

    `submit`, `cancel` and `cancel_answer` may be called from any thread; inside a transaction, they wait for its end.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._owner = new_owner()
        self._loop = asyncio.get_running_loop()
        self._journal = Journal(ring)
        self._keeper = Keeper(self._owner)
        self._executions: dict[str, Execution] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Submitted again while they were worked on: another pass of theirs may have been opened as the last one ended.
        self._anew: set[str] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._is_stopping = False

    def start(self) -> None:
        """Take up what an earlier process left unfinished, and go on looking for more."""
        self._sweeping = self._loop.create_task(self._sweep())

    async def stop(self) -> None:
        """Park every run: nothing new is begun, what was written is stored, and another process may go on."""
        self._is_stopping = True
        self._journal.close_within(PARK_WITHIN_S)
        executions = dict(self._executions)
        tasks = [*self._tasks.values(), *([self._sweeping] if self._sweeping else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await _give_back({run_id: each.epoch for run_id, each in executions.items() if each.is_parked})
        await self._keeper.aclose()
        await self._journal.aclose()

    def submit(self, run_id: str) -> None:
        """Begin to work on a run soon, or as soon as what is done of it here ends; what others work on is left to them."""
        self._call(self._begin, run_id)

    def cancel(self, run_id: str) -> None:
        """Stop a run now, if it is worked on here."""
        self._call(self._stop, run_id, None)

    def cancel_answer(self, run_id: str, key: AnswerKey) -> None:
        """Stop one answer of a run now, if it is worked on here."""
        self._call(self._stop, run_id, key)

    def _call(self, action: Callable[..., object], *args: object) -> None:
        """Act on the loop, in a context of its own: the caller's says which thread its request's queries belong to."""

        def act() -> None:
            self._loop.call_soon_threadsafe(action, *args, context=Context())

        if connection.in_atomic_block:
            transaction.on_commit(act)
        else:
            act()

    @property
    def working_on(self) -> int:
        """How many runs are worked on here."""
        return len(self._executions)

    async def work(self, run_id: str) -> None:
        """Work on a run, and come back when nothing of it is done here any more; once stopping, queue it for others."""
        if self._begin(run_id):
            await self.finished(run_id)
        else:
            await query(queue().submit, run_id)

    async def finished(self, run_id: str) -> None:
        """Wait until this process does not work on the run any more."""
        while (task := self._tasks.get(run_id)) is not None:
            await asyncio.wait([task])

    def _begin(self, run_id: str) -> bool:
        if self._is_stopping:
            return False
        if run_id not in self._executions:
            execution = Execution(run_id, self._owner, self._journal, self._keeper, self._asker)
            self._executions[run_id] = execution
            self._tasks[run_id] = self._loop.create_task(self._execute(run_id, execution))
        else:
            self._anew.add(run_id)
        return True

    def _stop(self, run_id: str, key: AnswerKey | None) -> None:
        if (execution := self._executions.get(run_id)) is None:
            return
        if key is None:
            execution.stop()
        else:
            execution.stop_answer(key)

    async def _execute(self, run_id: str, execution: Execution) -> None:
        try:
            await execution.run()
        except Exception:
            # The run stays unfinished in its rows; the sweep takes it up again when its lease is over.
            log.exception("a run could not be worked on", extra=carrying(run=run_id))
        finally:
            del self._executions[run_id], self._tasks[run_id]
            if run_id in self._anew:
                self._anew.discard(run_id)
                self._begin(run_id)

    async def _sweep(self) -> None:
        while True:
            try:
                for run_id in await query(_waiting):
                    self._begin(run_id)
            except Exception:
                log.exception("the look for unfinished runs failed")
            await asyncio.sleep(SWEEP_S)


async def _give_back(epochs: Mapping[str, int]) -> None:
    try:
        await query(park_runs, epochs.items())
    except DISTURBED:
        log.warning(
            "%d runs could not be given back; others take them when their leases are over", len(epochs)
        )


def _waiting() -> list[str]:
    free_leases_of_the_dead()
    return list(claimable().values_list("pk", flat=True)[:200])
