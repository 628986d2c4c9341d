"""The journal: every event of every run of this process, written in order, many at once, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from django.db import connection

from fusion_site.ops.metrics import JOURNAL_BATCH, JOURNAL_FLUSH, JOURNAL_WAITING
from fusion_site.ops.querying import PAUSE_S
from fusion_site.runs.execution.ringing import Bell, Ringer
from fusion_site.runs.execution.storing import Away, Batch, Change, write

log = logging.getLogger(__name__)

# Deltas that come within this many seconds are written, sent and rendered as one; where more than four runs are worked
# on, within more: 0.2 s of 16, 0.7 s of 200. What is urgent is written at once.
COALESCE_S = 0.1
_SMOOTH_RUNS = 4


class RunLog:
    """One run's part of the journal. There is one writer per run, so that `seq` is counted in memory."""

    def __init__(self, journal: Journal, run: str, epoch: int, seq: int) -> None:
        self._journal, self._run, self._epoch = journal, run, epoch
        self._seq, self._taken = seq, 1
        self._batch = Batch(run, epoch, self._taken)
        # The events of the batch that text may still be added to, by kind and by whose text it is.
        self._growing: dict[tuple[str, str | int], dict[str, Any]] = {}
        # The numbers of the batches that hold the last thing noted, and that were stored last.
        self._noted = self._stored = 0
        self._moved = asyncio.Event()
        self.failure: BaseException | None = None

    def append(
        self,
        kind: str,
        data: dict[str, Any],
        *changes: Change,
        urgent: bool = False,
        of: str | int | None = None,
        **fields: Any,
    ) -> None:
        """Add one event with the row changes and the fields of the run that belong to it, in one transaction.

        An event that tells of a piece of the text `of` may `grow` until it is written, or something else is told. Raises Fenced, or what the database said, if an earlier write of this run failed.
        """
        if self.failure is not None:
            raise self.failure
        self._batch.changes.extend(changes)
        self._batch.fields.update(fields)
        self._seq += 1
        event = {"seq": self._seq, "kind": kind, "data": data}
        self._batch.events.append(event)
        if of is None:
            self._growing.clear()
        else:
            self._growing[kind, of] = event
        self._note(urgent=urgent)

    def grow(self, kind: str, of: str | int, text: str) -> bool:
        """Add text to the event of this kind that tells of the same text; False if there is none to be written.

        Raises what `append` would.
        """
        if self.failure is not None:
            raise self.failure
        event = self._growing.get((kind, of))
        if event is not None:
            event["data"]["text"] += text
        return event is not None

    def change(self, *changes: Change, urgent: bool = False, **fields: Any) -> None:
        """Add row changes, and fields of the run, that no event reports."""
        if self.failure is not None:
            raise self.failure
        self._batch.changes.extend(changes)
        self._batch.fields.update(fields)
        self._note(urgent=urgent)

    async def flushed(self) -> None:
        """Wait until everything so far is in rows, whatever comes meanwhile; raises what `append` would."""
        mine = self._noted
        while self._stored < mine and self.failure is None:
            self._journal.mark(self, urgent=True)
            await self._moved.wait()
        if self.failure is not None:
            raise self.failure

    def _note(self, *, urgent: bool) -> None:
        self._noted = self._taken
        self._journal.mark(self, urgent=urgent)

    def take(self) -> Batch:
        """Hand over what is to be written now."""
        self._taken += 1
        self._growing.clear()
        batch, self._batch = self._batch, Batch(self._run, self._epoch, self._taken)
        return batch

    def settle(self, failure: BaseException | None) -> None:
        """Learn how the write of the last batch ended."""
        self.failure = self.failure or failure
        self._stored = self._taken - 1
        self._moved.set()
        self._moved = asyncio.Event()


class Journal:
    """Writes what all runs of this process report, and rings once it is in rows."""

    def __init__(self, bell: Bell) -> None:
        self._ringer = Ringer(bell)
        self._logs: WeakSet[RunLog] = WeakSet()
        self._dirty: dict[int, RunLog] = {}
        JOURNAL_WAITING.set_function(lambda: len(self._dirty))
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._flushing: asyncio.Task[None] | None = None
        self._loop_task = asyncio.create_task(self._run())
        self._gives_up_at = math.inf

    def open(self, run: str, epoch: int, seq: int) -> RunLog:
        """Give the log of one run, which was claimed with `epoch` and whose last event is `seq`."""
        log = RunLog(self, run, epoch, seq)
        self._logs.add(log)
        return log

    def mark(self, run_log: RunLog, *, urgent: bool) -> None:
        """Have this run's log written: soon, or at once."""
        self._dirty[id(run_log)] = run_log
        self._wake.set()
        if urgent:
            self._urgent.set()

    def close_within(self, seconds: float) -> None:
        """From now on, wait no longer than this for a database that is away."""
        self._gives_up_at = asyncio.get_running_loop().time() + seconds

    async def aclose(self) -> None:
        """Write what is left and end the thread."""
        self._loop_task.cancel()
        await asyncio.wait([self._loop_task, *([self._flushing] if self._flushing else [])])
        while self._dirty:
            await self._flush()
        await self._ringer.aclose()
        await asyncio.get_running_loop().run_in_executor(self._thread, lambda: connection.close())
        self._thread.shutdown()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            # Not asyncio.wait_for: in Python 3.11 it loses a cancellation that comes as the event is set.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._urgent.wait()
            # The write itself must not be cut in half when the site stops.
            self._flushing = asyncio.create_task(self._flush())
            await asyncio.shield(self._flushing)

    def _pause_s(self) -> float:
        return COALESCE_S * max(1.0, math.sqrt(len(self._logs) / _SMOOTH_RUNS))

    async def _flush(self) -> None:
        self._wake.clear()
        self._urgent.clear()
        logs, self._dirty = list(self._dirty.values()), {}
        batches = [run_log.take() for run_log in logs]
        JOURNAL_BATCH.observe(sum(len(batch.events) for batch in batches))
        with JOURNAL_FLUSH.time():
            failures = await self._stored(batches)
        for run_log, batch, failure in zip(logs, batches, failures, strict=True):
            run_log.settle(failure)
            if failure is None and batch.events:
                self._ringer.ring(batch.run, batch.events)

    async def _stored(self, batches: Sequence[Batch]) -> Sequence[BaseException | None]:
        """Store the batches, however long the database is away: what they hold may have been paid for."""
        loop = asyncio.get_running_loop()
        was_told = False
        while True:
            try:
                return await loop.run_in_executor(self._thread, write, batches)
            except Away as away:
                if loop.time() >= self._gives_up_at:
                    log.error("the database is away, and %d runs could not be written", len(batches))
                    return [away] * len(batches)
            if not was_told:
                log.warning("the database is away; the journal keeps what it has to write")
            was_told = True
            await asyncio.sleep(PAUSE_S)
