"""The journal under failure: one run's trouble is not the others', and trouble does not go on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from fusion_site.engine.events import FusionEvent
from fusion_site.engine.fuse import fuse
from fusion_site.runs.execution import executing, journal
from fusion_site.runs.execution.executing import GIVEN_UP, MOST_CLAIMS
from fusion_site.runs.execution.journal import Journal, RunLog
from fusion_site.runs.execution.storing import Away, Batch, Fenced, write
from fusion_site.runs.models import Event, Run
from tests.runs.conftest import Desk, working
from tests.runs.test_executing import all_answer, work
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_run_that_cannot_be_written_does_not_hold_up_the_rest(desk: Desk) -> None:
    good, bad, foreign = (desk.start() for _ in range(3))
    Run.objects.filter(pk=foreign.pk).update(epoch=7)
    rung: list[str] = []

    async def bell(run: str, events: list[dict[str, Any]]) -> None:
        rung.append(run)
        raise ConnectionError("no bell today")

    async def write_all() -> list[BaseException | None]:
        journal = Journal(bell)
        logs = [journal.open(run.pk, 0, 1) for run in (good, bad, foreign)]
        facts: list[dict[str, Any]] = [{"x": 1}, {"x": object()}, {"x": 1}]
        for run_log, data in zip(logs, facts, strict=True):
            run_log.append("answer.delta", data)
        logs[0].append("answer.started", {"x": 2}, urgent=True)
        await logs[0].flushed()
        logs[0].append("answer.started", {"x": 3})
        await logs[0].flushed()
        await journal.aclose()
        return [run_log.failure for run_log in logs]

    failures = async_to_sync(write_all)()
    assert failures[0] is None
    assert isinstance(failures[1], TypeError)
    assert isinstance(failures[2], Fenced)
    assert rung == [good.pk] * 2
    assert list(good.events.values_list("seq", flat=True)) == [1, 2, 3, 4]
    assert Event.objects.filter(run__in=[bad, foreign]).count() == 2


def test_deltas_of_one_text_become_one_event(desk: Desk) -> None:
    run = desk.start()

    async def bell(run: str, events: list[dict[str, Any]]) -> None:
        pass

    async def write() -> None:
        journal = Journal(bell)
        run_log = journal.open(run.pk, 0, 1)
        for answer, text in (("a", "one "), ("a", "two "), ("b", "x"), ("b", "y"), ("a", "three")):
            if not run_log.grow("answer.delta", answer, text):
                run_log.append("answer.delta", {"answer": answer, "text": text}, of=answer)
        run_log.append("answer.started", {"answer": "a"})
        assert not run_log.grow("answer.delta", "b", "of another attempt")
        await run_log.flushed()
        await journal.aclose()

    async_to_sync(write)()
    texts = [(e.data["answer"], e.data["text"]) for e in run.events.filter(kind="answer.delta")]
    assert texts == [("a", "one two three"), ("b", "xy")]


def test_a_run_that_is_started_over_and_over_is_given_up(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    run = desk.start()
    Run.objects.filter(pk=run.pk).update(claims=MOST_CLAIMS)
    done = work(run)
    assert (done.state, done.message) == ("failed", GIVEN_UP)
    assert upstream.ledger == []


def test_a_run_that_is_taken_over_behind_its_last_event_is_no_run_that_ended_here(
    desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    all_answer(upstream)
    run = desk.start()
    lost = asyncio.Event()
    settle = RunLog.settle

    def ended_elsewhere(batches: Sequence[Batch]) -> list[BaseException | None]:
        stored = write(batches)
        ends = [any(event["kind"] == "run.finished" for event in batch.events) for batch in batches]
        return [Fenced(run.pk) if end else failure for end, failure in zip(ends, stored, strict=True)]

    def told(run_log: RunLog, failure: BaseException | None) -> None:
        settle(run_log, failure)
        if failure is not None:
            lost.set()

    async def closed_slowly(*args: Any, **settings: Any) -> AsyncGenerator[FusionEvent, None]:
        async for event in fuse(*args, **settings):
            yield event
        await lost.wait()

    async def work_on_it() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async with asyncio.timeout(20):
                while not any(end in caplog.text for end in ("was taken over", "a run is over")):
                    await asyncio.sleep(0.01)

    monkeypatch.setattr(journal, "write", ended_elsewhere)
    monkeypatch.setattr(RunLog, "settle", told)
    monkeypatch.setattr(executing, "fuse", closed_slowly)
    async_to_sync(work_on_it)()
    assert "a run was taken over by another process" in caplog.text
    assert "a run is over" not in caplog.text


def test_a_write_whose_confirmation_was_lost_is_not_done_twice(desk: Desk) -> None:
    run = desk.start()
    told = {"seq": 2, "kind": "answer.started", "data": {}}
    counted = partial(Run.objects.filter(pk=run.pk).update, cost_usd=Coalesce(F("cost_usd"), Value(0)) + 1)
    first = Batch(run.pk, 0, 1, events=[told], changes=[counted])
    silent = Batch(run.pk, 0, 2, changes=[counted])
    for batch in (first, first, silent, silent, first):
        assert write([batch]) == [None]
    run.refresh_from_db()
    assert (run.written, run.seq, run.cost_usd, run.events.count()) == (2, 2, Decimal(2), 2)
    assert isinstance(write([Batch(run.pk, 7, 3)])[0], Fenced)


def test_what_could_not_be_written_while_the_database_was_away_is_written_when_it_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = desk.start()
    tries = 0

    def away_at_first(batches: Sequence[Batch]) -> list[BaseException | None]:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Away
        return write(batches)

    async def bell(run: str, events: list[dict[str, Any]]) -> None:
        pass

    async def write_through() -> None:
        log = Journal(bell)
        run_log = log.open(run.pk, 0, 1)
        run_log.append("answer.delta", {"answer": "a", "text": "paid for"})
        await run_log.flushed()
        await log.aclose()

    monkeypatch.setattr(journal, "write", away_at_first)
    monkeypatch.setattr(journal, "PAUSE_S", 0.01)
    async_to_sync(write_through)()
    assert (tries, run.events.last().data["text"]) == (3, "paid for")  # type: ignore[union-attr]


def test_a_process_that_ends_waits_for_an_absent_database_only_so_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = desk.start()

    def away(batches: Sequence[Batch]) -> list[BaseException | None]:
        raise Away

    async def bell(run: str, events: list[dict[str, Any]]) -> None:
        pass

    async def give_up() -> None:
        log = Journal(bell)
        run_log = log.open(run.pk, 0, 1)
        run_log.append("answer.delta", {"answer": "a", "text": "lost"})
        log.close_within(0.05)
        with pytest.raises(Away):
            await run_log.flushed()
        await log.aclose()

    monkeypatch.setattr(journal, "write", away)
    monkeypatch.setattr(journal, "PAUSE_S", 0.01)
    async_to_sync(give_up)()
    assert run.events.count() == 1
