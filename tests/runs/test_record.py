"""A pool's record: from rows that were made by hand, by page and by REST, in as many queries for many runs as for few."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fusion_site.accounts.models import Team, User
from fusion_site.pools.models import Pool
from fusion_site.runs.models import Answer, Fusion, Run
from fusion_site.runs.voting import record
from fusion_site.runs.voting.record import record_of
from tests.api.conftest import Program, program_of
from tests.runs.test_insights import judged, made_answers, made_run, vote

__all__ = ["program_of"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(team: Team) -> Pool:
    """Give a pool of the team."""
    return Pool.objects.get(team=team)


def asked_of(pool: Pool, *runs: Run, **more: Any) -> None:
    """Note that the runs were asked of this pool."""
    Run.objects.filter(pk__in=[run.pk for run in runs]).update(pinned={"pool": {"id": pool.pk}}, **more)


def test_what_each_member_did_is_counted(pool: Pool, team: Team, alice: User, bob: User) -> None:
    one, answers = judged(team, alice, 0)
    two, others = judged(team, alice, 1)
    close, _ = judged(team, alice, 0, close=True)
    judged(team, alice, 2)  # of another pool
    asked_of(pool, one, two, close, cost_usd=Decimal("0.05"), cost_complete=True)
    vote(one, answers, alice, 0)
    vote(one, answers, bob, None)
    Answer.objects.filter(pk=others[2].pk).update(outcome="error", cost_usd=None, total_ms=90_000)
    found = record_of(pool)
    told = {each.label: each for each in found.members}
    assert (found.runs, found.done, found.usd, found.is_cost_whole) == (3, 3, Decimal("0.15"), True)
    assert [(each.picked, each.compared) for _, each in sorted(told.items())] == [(1, 3), (1, 3), (0, 3)]
    assert [(each.votes, each.ballots) for _, each in sorted(told.items())] == [(1, 2), (0, 2), (0, 2)]
    assert [(each.dropped, each.answers) for _, each in sorted(told.items())] == [(0, 3), (0, 3), (1, 3)]
    assert (told["M2"].priced, told["M2"].mean_usd, told["M2"].median_ms) == (2, Decimal("0.01"), 1000)


def test_of_several_versions_the_newest_verdict_counts(pool: Pool, team: Team, alice: User) -> None:
    run, answers = judged(team, alice, 0)
    asked_of(pool, run)
    first = Fusion.objects.get(run=run)
    newer = {**(first.verdict or {}), "winner": answers[1].pk}
    Fusion.objects.create(run=run, version=2, source="merge", finished=True, verdict=newer)
    told = {each.label: each.picked for each in record_of(pool).members}
    assert told == {"M0": 0, "M1": 1, "M2": 0}


def test_what_is_unknown_is_called_so(
    pool: Pool, team: Team, alice: User, client_for: Callable[[User | None], Client]
) -> None:
    browser = client_for(alice)
    path = f"/pools/{pool.pk}/record/"
    assert "No run of this pool yet" in browser.get(path).content.decode()
    run = made_run(team, alice)
    run.state = "failed"
    run.save()
    Answer.objects.bulk_create(made_answers(run))
    asked_of(pool, run)
    page = browser.get(path).content.decode()
    assert "cost unknown" in page
    assert "No judge has compared its answers yet." in page
    assert "$0" not in page
    part = browser.get(path, HTTP_HX_REQUEST="true").content.decode()
    assert part.startswith('<section class="stack" id="record"')
    assert f'hx-get="{path}"' in browser.get(f"/pools/{pool.pk}/").content.decode()


def test_only_the_newest_runs_are_read_by_the_same_queries(
    pool: Pool, team: Team, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MOST_RUNS", 5)
    run, _ = judged(team, alice, 0, days_ago=9)
    asked_of(pool, run)
    with CaptureQueriesContext(database) as few:
        found = record_of(pool)
    assert (found.runs, found.is_all) == (1, True)
    asked_of(pool, *[judged(team, alice, 1, days_ago=8)[0] for _ in range(6)])
    with CaptureQueriesContext(database) as many:
        found = record_of(pool)
    assert (found.runs, found.seen, found.is_all) == (5, 5, False)
    assert {each.label: each.picked for each in found.members} == {"M0": 0, "M1": 5, "M2": 0}
    assert len(few) == len(many) == 4


def test_a_program_reads_the_record(
    program_of: Callable[[User | None], Program], pool: Pool, team: Team, alice: User, dave: User
) -> None:
    run, _ = judged(team, alice, 0)
    asked_of(pool, run)
    told = program_of(dave)("GET", f"pools/{pool.pk}/record").json()
    assert (told["runs"], told["cost_usd"], told["cost_complete"]) == (1, None, False)
    first = next(each for each in told["members"] if each["label"] == "M0")
    assert (first["picked"], first["compared"], first["mean_usd"]) == (1, 1, "0.01")
