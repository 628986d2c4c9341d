"""The queue of a single machine: runs are worked on by tasks on the server's own event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context

from asgiref.sync import sync_to_async

from fusion_site.engine.asking import Asker
from fusion_site.engine.events import AnswerKey
from fusion_site.runs.bell import ring
from fusion_site.runs.claiming import claimable, free_leases_of_the_dead, new_owner
from fusion_site.runs.executing import Execution
from fusion_site.runs.journal import Journal

log = logging.getLogger(__name__)

# How often a run is looked for that a killed process left behind, in seconds.
SWEEP_S = 2.0


class Supervisor:
    """Works on every run that is submitted here, and on those that nobody works on any more.

    `submit`, `cancel` and `cancel_answer` may be called from any thread.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._owner = new_owner()
        self._loop = asyncio.get_running_loop()
        self._journal = Journal(ring)
        self._executions: dict[str, Execution] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._is_stopping = False

    def start(self) -> None:
        """Take up what an earlier process left unfinished, and go on looking for more."""
        self._sweeping = self._loop.create_task(self._sweep())

    async def stop(self) -> None:
        """Park every run: nothing new is begun, what was written is stored, and another process may go on."""
        self._is_stopping = True
        tasks = [*self._tasks, *([self._sweeping] if self._sweeping else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._journal.aclose()

    def submit(self, run_id: str) -> None:
        """Begin to work on a run soon; a run that somebody works on already is left to them."""
        self._call(self._begin, run_id)

    def cancel(self, run_id: str) -> None:
        """Stop a run now, if it is worked on here."""
        self._call(self._stop, run_id, None)

    def cancel_answer(self, run_id: str, key: AnswerKey) -> None:
        """Stop one answer of a run now, if it is worked on here."""
        self._call(self._stop, run_id, key)

    def _call(self, action: Callable[..., None], *args: object) -> None:
        """Act on the loop, in a context of its own: the caller's says which thread its request's queries belong to."""
        self._loop.call_soon_threadsafe(action, *args, context=Context())

    async def finished(self, run_id: str) -> None:
        """Wait until this process does not work on the run any more."""
        while run_id in self._executions:
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)

    def _begin(self, run_id: str) -> None:
        if self._is_stopping or run_id in self._executions:
            return
        execution = Execution(run_id, self._owner, self._journal, self._asker)
        self._executions[run_id] = execution
        task = self._loop.create_task(self._execute(run_id, execution))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
            log.exception("run %s could not be worked on", run_id)
        finally:
            self._executions.pop(run_id, None)

    async def _sweep(self) -> None:
        while True:
            try:
                for run_id in await _waiting():
                    self._begin(run_id)
            except Exception:
                log.exception("the look for unfinished runs failed")
            await asyncio.sleep(SWEEP_S)


@sync_to_async
def _waiting() -> list[str]:
    free_leases_of_the_dead()
    return list(claimable().values_list("pk", flat=True)[:200])
