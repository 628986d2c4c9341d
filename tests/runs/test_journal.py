"""The journal under failure: one run's trouble is not the others', and trouble does not go on for ever."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync

from fusion_site.runs.executing import GIVEN_UP, MOST_CLAIMS
from fusion_site.runs.journal import Journal
from fusion_site.runs.models import Event, Run
from fusion_site.runs.storing import Fenced
from tests.runs.conftest import Desk
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
            run_log.append("answer.delta", {"answer": answer, "text": text})
        await run_log.flushed()
        await journal.aclose()

    async_to_sync(write)()
    texts = [(e.data["answer"], e.data["text"]) for e in run.events.filter(kind="answer.delta")]
    assert texts == [("a", "one two "), ("b", "xy"), ("a", "three")]


def test_a_run_that_is_started_over_and_over_is_given_up(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    run = desk.start()
    Run.objects.filter(pk=run.pk).update(epoch=MOST_CLAIMS)
    done = work(run)
    assert (done.state, done.message) == ("failed", GIVEN_UP)
    assert upstream.ledger == []
