"""An hour after a run's end its texts are kept once, on their own rows, and every cursor is still answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from fusion_site.runs.flows.thin import KEPT_FOR, MOST, thin_ended_runs
from fusion_site.runs.live.feed import Fact, follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Event, Run
from fusion_site.runs.reading import run_json
from tests.api.conftest import Program
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, work
from tests.runs.test_rest import call, program_of, read_events
from tests.upstream import Script, Upstream

__all__ = ["call", "program_of"]  # fixtures


def facts_after(run: Run, seq: int) -> list[Fact]:
    """Follow a run from an event to its end."""

    async def read() -> list[Fact]:
        return [fact async for facts in follow(run.pk, seq) for fact in facts]

    return async_to_sync(read)()


@pytest.fixture
def ended(desk: Desk, upstream: Upstream) -> Run:
    """Give a run that has ended."""
    all_answer(upstream)
    return work(desk.start())


def test_nothing_goes_within_the_hour(ended: Run) -> None:
    before = Event.objects.filter(run=ended).count()
    assert ended.finished_at is not None
    assert thin_ended_runs(ended.finished_at + KEPT_FOR) == 0
    assert Event.objects.filter(run=ended).count() == before


def test_a_thinned_run_is_the_same_run(ended: Run) -> None:
    before = load_state(ended.pk)
    assert Event.objects.filter(run=ended, kind__endswith="delta").exists()
    assert thin_ended_runs(timezone.now() + KEPT_FOR) == 1
    assert not Event.objects.filter(run=ended, kind__endswith="delta").exists()
    assert load_state(ended.pk) == before
    assert thin_ended_runs(timezone.now() + KEPT_FOR) == 0


def test_a_cursor_before_the_gap_gets_one_snapshot_and_one_behind_it_the_rest(ended: Run) -> None:
    seqs = {e.seq: e.kind for e in Event.objects.filter(run=ended)}
    last_piece = max(seq for seq, kind in seqs.items() if kind == "fused.delta")
    behind = facts_after(ended, last_piece)
    thin_ended_runs(timezone.now() + KEPT_FOR)
    for seq in (0, 1, last_piece - 1):
        (fact,) = facts_after(ended, seq)
        assert (fact.seq, fact.kind) == (ended.seq, "snapshot")
        assert fact.data["run"] == run_json(load_state(ended.pk))
    assert facts_after(ended, last_piece) == behind
    assert behind[-1].kind == "run.finished"
    assert facts_after(ended, ended.seq) == []


def test_a_program_reads_the_snapshot_as_an_event(ended: Run, call: Program) -> None:
    thin_ended_runs(timezone.now() + KEPT_FOR)
    status, (event,) = read_events(call.token, ended.pk, "2")
    assert (status, event["id"], event["event"]) == (200, str(ended.seq), "snapshot")
    assert event["data"]["run"]["fused"]["text"] == load_state(ended.pk).fusions[1].text


def test_a_fused_text_that_was_never_finished_is_kept(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["cyd"] = Script(["cyd"])
    run = work(desk.start())
    run.fusions.update(finished=False, text="")
    before = load_state(run.pk).fusions[1].text
    assert before
    thin_ended_runs(timezone.now() + KEPT_FOR)
    assert load_state(run.pk).fusions[1].text == before


def test_runs_that_go_on_are_left_alone_and_many_go_in_turns(desk: Desk) -> None:
    going_on = desk.start()
    for _ in range(MOST + 1):
        run = Run.objects.get(pk=going_on.pk)
        run.pk, run.is_open = f"old{_}", False
        run.finished_at = timezone.now() - KEPT_FOR - timedelta(minutes=1)
        run.save(force_insert=True)
    assert [thin_ended_runs(timezone.now()) for _ in range(3)] == [MOST, 1, 0]
    going_on.refresh_from_db()
    assert not going_on.is_thinned
