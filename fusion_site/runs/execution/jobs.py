"""The queue of many machines: a job in PostgreSQL for each run that wants work, handed out by procrastinate.

A job says only that a run may want work. Who works on it is settled by the run's lease, so a job too many does nothing.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued, UniqueViolation

from fusion_site.runs.claiming import claimable
from fusion_site.runs.models import Run
from fusion_site.runs.queue import RowsOnly

# A worker says that it lives this often; after the longer time its jobs are given to others. In seconds.
HEARTBEAT_S = 3.0
STALLED_S = 12.0
# How many runs are queued again in one sweep.
MOST = 200


class AtWork(Protocol):
    """What works on runs in the process that fetches jobs."""

    async def work(self, run_id: str) -> None:
        """Work on a run until it is final, parked, or found to be somebody else's."""
        ...


@app.task(name="run", pass_context=True)
async def work_on_run(context: JobContext, *, run_id: str) -> None:
    """Hand a run to what works in this process."""
    at_work: AtWork = context.additional_context["at_work"]
    await at_work.work(run_id)


class JobQueue(RowsOnly):
    """Puts a run's job into the transaction that stores the run. What is to be stopped, workers see in the rows."""

    def submit(self, run_id: str) -> None:
        """Store a job for the run, unless one waits already."""
        with suppress(AlreadyEnqueued), transaction.atomic():
            work_on_run.configure(queueing_lock=run_id).defer(run_id=run_id)


def requeue_given_back() -> None:
    """Queue the runs that nobody holds and for which no job waits: theirs was lost."""
    _submit(_without_job().filter(lease_until=None))


def requeue_stalled() -> None:
    """Queue again what dead workers have left: jobs of workers without a heartbeat, and runs whose lease is over."""
    for job_id in _stalled():
        # Where another job waits for the same run, this one may stay until that is taken.
        with suppress(UniqueViolation), transaction.atomic():
            app.job_manager.retry_job_by_id(job_id, retry_at=timezone.now())
    _submit(_without_job())


def _submit(runs: QuerySet[Run]) -> None:
    queue = JobQueue()
    for run_id in runs.values_list("pk", flat=True)[:MOST]:
        queue.submit(run_id)


def _stalled() -> list[int]:
    silent = Q(worker=None) | Q(worker__last_heartbeat__lt=timezone.now() - timedelta(seconds=STALLED_S))
    return list(ProcrastinateJob.objects.filter(silent, status="doing").values_list("pk", flat=True)[:MOST])


def _without_job() -> QuerySet[Run]:
    job = ProcrastinateJob.objects.filter(queueing_lock=OuterRef("pk"), status="todo")
    return claimable().filter(~Exists(job))
