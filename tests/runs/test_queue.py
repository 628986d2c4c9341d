"""What every queue of runs promises: the one inside the server on SQLite, and procrastinate's on PostgreSQL.

`tests/cluster` has these tests run again over PostgreSQL.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from fusion_site.pools.reaching import asker, close_providers
from fusion_site.runs import claiming
from fusion_site.runs.execution.supervisor import Supervisor
from fusion_site.runs.flows.cancel import cancel_answer, cancel_run
from fusion_site.runs.models import Run
from fusion_site.runs.queue import RowsOnly, queue, use_queue
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer
from tests.upstream import Script, Upstream

pytestmark = pytest.mark.django_db(transaction=True)

NEVER = threading.Event()


class Works(Protocol):
    """Whoever works behind the queue."""

    async def stop(self) -> None:
        """Park every run."""
        ...


@asynccontextmanager
async def at_work() -> AsyncIterator[Works]:
    """Have this database's queue in use, and one process at work behind it."""
    worker = _worker() if settings.FUSION_IS_CLUSTER else _server()
    try:
        yield worker
    finally:
        await worker.stop()
        use_queue(None)
        await close_providers()


def _server() -> Works:
    supervisor = Supervisor(asker())
    supervisor.start()
    use_queue(supervisor)
    return supervisor


def _worker() -> Works:
    from fusion_site.runs.execution.worker import Worker

    worker = Worker(concurrency=10)
    worker.start()
    return worker


async def until(is_so: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait until rows or the upstream say so."""
    async with asyncio.timeout(within_s):
        while not await sync_to_async(is_so)():
            await asyncio.sleep(0.02)


def state_of(run: Run) -> str:
    """Give the run's state now."""
    run.refresh_from_db()
    return run.state


async def test_what_is_submitted_in_a_transaction_is_worked_on_once_it_is_committed(
    desk: Desk, upstream: Upstream
) -> None:
    all_answer(upstream)
    stored, may_commit = threading.Event(), threading.Event()

    def order() -> Run:
        with transaction.atomic():
            run = desk.start()
            stored.set()
            may_commit.wait(30)
        connection.close()
        return run

    async with at_work():
        ordering = asyncio.create_task(sync_to_async(order, thread_sensitive=False)())
        assert await asyncio.to_thread(stored.wait, 30)
        assert upstream.ledger == []
        may_commit.set()
        run = await ordering
        await until(lambda: state_of(run) == "done")
    assert [len(upstream.asked(name)) for name in ("ada", "bea", "cyd")] == [1, 1, 1]


async def test_nothing_comes_of_a_transaction_that_is_rolled_back(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)

    def regret() -> None:
        with transaction.atomic():
            desk.start()
            transaction.set_rollback(True)

    async with at_work():
        await sync_to_async(regret)()
        kept = await sync_to_async(desk.start)()
        await until(lambda: state_of(kept) == "done")
    assert [len(upstream.asked(name)) for name in ("ada", "bea", "cyd")] == [1, 1, 1]


async def test_a_run_that_is_submitted_again_and_again_is_worked_on_once(
    desk: Desk, upstream: Upstream
) -> None:
    all_answer(upstream)
    async with at_work():
        run = await sync_to_async(desk.start)()
        for _ in range(3):
            await sync_to_async(queue().submit)(run.pk)
        await until(lambda: state_of(run) == "done")
        await sync_to_async(queue().submit)(run.pk)
        other = await sync_to_async(desk.start)()
        await until(lambda: state_of(other) == "done")
    assert [len(upstream.asked(name)) for name in ("ada", "bea", "cyd")] == [2, 2, 2]
    assert run.epoch == 1


async def test_a_run_whose_submission_was_lost_is_found(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    use_queue(RowsOnly())
    run = await sync_to_async(desk.start)()
    use_queue(None)
    async with at_work():
        await until(lambda: state_of(run) == "done")


async def test_cancel_drops_every_upstream_connection_within_a_second(desk: Desk, upstream: Upstream) -> None:
    for name in ("ada", "bea", "cyd"):
        upstream.scripts[name] = Script(["begun ", "never"], gate=NEVER, gate_at=1)
    async with at_work():
        run = await sync_to_async(desk.start)()
        await until(lambda: sum(asked.sent for asked in upstream.ledger) == 3)
        await sync_to_async(cancel_run)(run)
        dropped = [await asyncio.to_thread(asked.dropped_within, 1.5) for asked in upstream.ledger]
        await until(lambda: state_of(run) == "cancelled")
    assert dropped == [True] * 3


async def test_cancel_of_one_answer_lets_the_others_go_on(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = Script(["begun ", "never"], gate=NEVER, gate_at=1)
    async with at_work():
        run = await sync_to_async(desk.start)()
        await until(lambda: any(asked.sent for asked in upstream.asked("ada")))
        await sync_to_async(cancel_answer)(await run.answers.aget(member=0))
        assert await asyncio.to_thread(upstream.asked("ada")[0].dropped_within, 1.5)
        await until(lambda: state_of(run) == "done")
    outcomes = await sync_to_async(lambda: list(run.answers.values_list("outcome", flat=True)))()
    assert outcomes == ["cancelled", "complete", "complete"]


async def test_whoever_stops_leaves_the_run_to_the_next(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    gate = threading.Event()
    upstream.scripts["cyd"] = Script(["half ", "whole"], gate=gate, gate_at=1)
    async with at_work():
        run = await sync_to_async(desk.start)()
        await until(lambda: run.answers.exclude(outcome="").count() == 2)
        await asyncio.to_thread(upstream.wait_for, "cyd")
    assert await sync_to_async(state_of)(run) == "answering"
    assert run.lease_until is None
    gate.set()
    async with at_work():
        await until(lambda: state_of(run) == "done")
    assert [len(upstream.asked(name)) for name in ("ada", "bea", "cyd")] == [1, 1, 2]


def test_a_lease_that_ran_out_is_let_be_until_its_owner_had_the_time_to_renew_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = desk.start()
    assert claiming.claim(run.pk, "first")
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    # As if the server that is asked had been started a moment ago. SQLite has none that could be away.
    monkeypatch.setattr(claiming, "PATIENCE", timedelta(days=1000))
    assert claiming.claimable().exists() == (connection.vendor == "sqlite")
    monkeypatch.setattr(claiming, "PATIENCE", timedelta(0))
    taken = claiming.claim(run.pk, "second")
    assert taken
    assert (taken.lease_owner, taken.epoch) == ("second", 2)
