"""What a team learns from its runs: figures from rows that were made by hand, and how many queries that takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import Team, User
from fusion_site.runs.models import Answer, Fusion, Run
from fusion_site.runs.voting.insights import insights_of
from fusion_site.runs.voting.models import Vote

pytestmark = pytest.mark.django_db

ClientFor = Callable[[User | None], Client]
MODELS = ("lab/one", "lab/two", "lab/three")


def made_run(team: Team, person: User, days_ago: float = 1) -> Run:
    return Run(
        team=team,
        person=person,
        preset_name="P",
        mode="merge",
        prompt="Why?",
        settings={},
        state="done",
        is_open=False,
        created_at=timezone.now() - timedelta(days=days_ago),
    )


def made_answers(run: Run, **more: Any) -> list[Answer]:
    return [
        Answer(run=run, member=at, label=f"M{at}", model=model, outcome="complete", text="It.", **more)
        for at, model in enumerate(MODELS)
    ]


def verdict(
    answers: list[Answer], winner: int, *, close: bool = False, judge: str = "lab/judge"
) -> dict[str, Any]:
    return {
        "winner": answers[winner].pk,
        "close_call": close,
        "finalists": ["A", "B"],
        "judge": {"name": "J", "model": judge, "fallback": False},
        "candidates": [candidate("ABC"[at], each.pk) for at, each in enumerate(answers)],
        "criteria": [],
        "judge_in_pool": judge in MODELS,
        "passes": [{}, {}],
        "second": [],
        "note": "",
        "reasoning": "x" * 3000,
    }


def candidate(label: str, answer: str) -> dict[str, Any]:
    found = {"label": label, "answer": answer, "score": 0.5, "clipped": False, "truncated": False}
    return {**found, "reason": "", "criteria": []}


def judged(team: Team, person: User, winner: int, **more: Any) -> tuple[Run, list[Answer]]:
    """Store a run with three answers and a verdict."""
    days_ago = more.pop("days_ago", 1)
    run = made_run(team, person, days_ago)
    run.save()
    answers = Answer.objects.bulk_create(made_answers(run, total_ms=1000, cost_usd=Decimal("0.01")))
    found = verdict(answers, winner, **more)
    Fusion.objects.create(run=run, version=1, source="merge", finished=True, verdict=found)
    return run, answers


def vote(run: Run, answers: list[Answer], person: User, choice: int | None) -> None:
    ballot = [{"key": each.pk, "edition": 1, "model": each.model} for each in answers]
    key = "" if choice is None else answers[choice].pk
    Vote.objects.create(run=run, person=person, voter=f"person {person.pk}", choice=key, ballot=ballot)


def test_wins_and_ties_are_counted_by_model_and_ranked(team: Team, alice: User) -> None:
    for winner in (0, 0, 0, 1):
        judged(team, alice, winner)
    judged(team, alice, 0, close=True)
    found = insights_of(team, 30)
    ranks = {rank.name: (rank.wins, rank.ties, rank.compared) for rank in found.by_judges}
    assert ranks == {"lab/one": (3, 1, 5), "lab/two": (1, 1, 5), "lab/three": (0, 0, 5)}
    assert [rank.name for rank in found.by_judges] == list(MODELS)
    for rank in found.by_judges:
        assert rank.strength.low < rank.strength.value < rank.strength.high


def test_judges_are_held_against_people_and_against_chance(
    team: Team, alice: User, bob: User, dave: User
) -> None:
    run, answers = judged(team, alice, 0)
    vote(run, answers, alice, 0)
    vote(run, answers, bob, 1)
    vote(run, answers, dave, None)
    close_run, close_answers = judged(team, alice, 0, close=True)
    vote(close_run, close_answers, alice, 1)
    found = insights_of(team, 30)
    assert found.votes == 4
    assert found.agreement.votes == 3
    assert found.agreement.share is not None
    assert found.agreement.share.value == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert found.agreement.chance == pytest.approx(1 / 3)
    (judge,) = found.judges
    assert (judge.verdicts, judge.close_calls, judge.own_picks) == (2, 1, None)


def test_a_judge_that_picks_its_own_model_is_seen(team: Team, alice: User) -> None:
    for winner in (1, 1, 0):
        judged(team, alice, winner, judge="lab/two")
    judge = insights_of(team, 30).judges[0]
    assert judge.own == 3
    assert judge.own_picks is not None
    assert judge.own_picks.value == pytest.approx(2 / 3)
    assert judge.own_chance == pytest.approx(1 / 3)


def test_time_and_cost_of_a_model_leave_out_what_is_unknown(team: Team, alice: User) -> None:
    run = made_run(team, alice)
    run.save()
    known: dict[str, Any] = {"total_ms": 3000, "cost_usd": Decimal("0.02")}
    fails = {"outcome": "error", "total_ms": 60_000}
    for at, figures in enumerate((known, {"total_ms": 1000}, fails, {})):
        row = {"outcome": "complete", "label": "M", "model": "lab/one", **figures}
        Answer.objects.create(run=run, member=at, **row)
    (model,) = insights_of(team, 30).models
    assert (model.answers, model.complete, model.median_ms, model.priced) == (4, 3, 2000, 1)
    assert (model.mean_usd, model.total_usd) == (Decimal("0.02"), Decimal("0.02"))


def test_only_the_teams_own_runs_of_the_period_count(
    team: Team, alice: User, charlie: User, client_for: ClientFor
) -> None:
    judged(team, alice, 0, days_ago=1)
    judged(team, alice, 0, days_ago=40)
    judged(Team.objects.get(personal_of=charlie), charlie, 0)
    for days, runs in (("7", "1 run<"), ("90", "2 runs<"), ("0", "2 runs<"), ("nonsense", "1 run<")):
        assert runs in client_for(alice).get(f"/insights/?days={days}").content.decode()


def test_the_page_teaches_where_there_is_nothing_and_has_a_table_for_each_chart(
    team: Team, alice: User, bob: User, client_for: ClientFor
) -> None:
    empty = client_for(alice).get("/insights/").content.decode()
    assert "Nothing to learn from yet" in empty
    assert "<svg class" not in empty
    run, answers = judged(team, alice, 0)
    vote(run, answers, alice, 1)
    page = client_for(bob).get("/insights/").content.decode()
    assert page.count("<svg class") == 4
    assert page.count('<table class="data-table">') == 4
    assert f'href="/runs/{run.pk}/vote/"' in page
    assert Client().get("/insights/").status_code == 302


def test_more_runs_take_no_more_queries(
    team: Team, alice: User, django_assert_num_queries: Callable[..., Any]
) -> None:
    for runs in (1, 5):
        for _ in range(runs):
            run, answers = judged(team, alice, 0)
            vote(run, answers, alice, 0)
        with django_assert_num_queries(4):
            insights_of(team, 30)
