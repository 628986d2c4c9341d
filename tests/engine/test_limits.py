"""Money and time: no call beyond the budget, none after the deadline, and what is done instead."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from fusion_site.engine.events import FusedFinished, Resume
from fusion_site.engine.fusing import UNSCORED
from fusion_site.engine.results import AnswerKey, AnswerResult, Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import first_shown, holding, judge_by, tasks
from tests.engine.recording import JUDGE, Recording, cast, model, record, resume_from, settings
from tests.engine.scripted import InTurn, Script, fails, hangs, writes

ONE, TWO = "One way.", "Two ways."
NO_SWAP = {"swap_check": False}


def spend(
    costs: tuple[str | None, str | None], budget: str, *, judge: str | None = "0.01", **more: Any
) -> Recording:
    """Run two members that cost this much, with a judge that costs `judge` a call."""
    chosen = settings(
        more.pop("mode", Mode.BEST_OF),
        members=2,
        budget_usd=Decimal(budget),
        judge=NO_SWAP,
        **more,
    )
    paid = judge_by(holding("Two"), cost=judge)
    return record(chosen, cast(writes(ONE, cost=costs[0]), writes(TWO, cost=costs[1]), judge=paid))


def test_within_the_budget_all_calls_are_made() -> None:
    told = spend(("0.10", "0.20"), "1.00")
    assert told.steps == ["judge/0"]
    assert told.text == TWO


@pytest.mark.parametrize("budget", ["0.30", "0.25"])
def test_a_spent_budget_stops_before_the_judge(budget: str) -> None:
    told = spend(("0.10", "0.20"), budget)
    assert told.asker.calls_to(JUDGE) == []
    assert told.fused.source is Source.FALLBACK
    assert told.text == ONE
    assert told.verdict["note"] == "The budget of this run is used up."
    assert told.fused.note == f"{told.verdict['note']} {UNSCORED}"


def test_it_stops_before_the_merge_with_the_best_judged() -> None:
    told = spend(("0.10", "0.10"), "0.25", judge="0.05", mode=Mode.MERGE)
    assert told.steps == ["judge/0"]
    assert told.fused.source is Source.FALLBACK
    assert told.text == TWO
    assert told.fused.note == "The budget of this run is used up."


def test_it_stops_before_the_harm_check_and_the_merge_is_not_trusted() -> None:
    told = spend(("0.10", "0.10"), "0.30", judge="0.05", mode=Mode.MERGE, do_no_harm=True)
    assert told.steps == ["judge/0", "merge/0"]
    assert told.fused.source is Source.BEST_OF
    assert told.text == TWO
    assert "budget" in told.fused.note


def test_it_stops_before_the_next_round_of_a_debate() -> None:
    talk = [tasks(answer=writes(t, cost="0.10"), challenge=writes("KEEP", cost="0.10")) for t in (ONE, TWO)]
    told = record(
        settings(Mode.DEBATE, members=2, budget_usd=Decimal("0.35"), debate_rounds=2),
        cast(*talk, judge=judge_by(holding("Two"))),
    )
    assert len(told.asker.calls_to(model(0))) == 2
    assert told.fused.source is Source.FALLBACK
    told = record(
        settings(Mode.DEBATE, members=2, budget_usd=Decimal("0.20")),
        cast(*talk, judge=judge_by(holding("Two"))),
    )
    assert len(told.asker.calls_to(model(0))) == 1


def test_it_stops_a_judge_from_being_asked_again() -> None:
    told = record(
        settings(members=2, budget_usd=Decimal("0.05"), judge=NO_SWAP),
        cast(writes(ONE), writes(TWO), judge=writes("What?", cost="0.05"), fallback=judge_by(first_shown)),
    )
    assert told.steps == ["judge/0"]
    assert told.fused.source is Source.FALLBACK


def test_what_failed_answers_cost_counts_too() -> None:
    told = record(
        settings(members=3, budget_usd=Decimal("0.10"), quorum=3),
        cast(writes(ONE), writes(TWO), fails(text="Thr", cost="0.10"), judge=judge_by(first_shown)),
    )
    assert told.verdict["note"] == "The budget of this run is used up."


def test_an_unknown_cost_is_no_cost_and_no_end() -> None:
    told = spend((None, None), "0.01", judge=None)
    assert told.steps == ["judge/0"]
    told = spend((None, "0.02"), "0.01", judge=None)
    assert told.steps == []


def test_a_budget_of_nothing_allows_what_is_free() -> None:
    assert spend(("0", "0"), "0", judge="0").text == TWO
    assert spend(("0", "0.0001"), "0", judge="0").fused.source is Source.FALLBACK


def test_a_resumed_run_over_its_budget_asks_nobody_again() -> None:
    stored = {AnswerKey(0, 0): AnswerResult(Outcome.COMPLETE, ONE, cost_usd=Decimal("0.50"), total_ms=1000)}
    told = record(
        settings(members=2, budget_usd=Decimal("0.50")), cast((), writes(TWO)), resume=Resume(answers=stored)
    )
    assert told.asker.calls == []
    ended = told.result(1)
    assert ended.outcome is Outcome.ERROR
    assert ended.error is not None
    assert ended.error.kind is ErrorKind.BILLING
    assert told.fused.source is Source.SINGLE


def test_what_earlier_attempts_paid_is_counted_once() -> None:
    def run(budget: str) -> Recording:
        chosen = settings(Mode.MERGE, members=2, budget_usd=Decimal(budget), judge=NO_SWAP)
        paid = judge_by(holding("Two"), cost="0.05")
        members = writes(ONE, cost="0.10"), writes(TWO, cost="0.10")
        whole = record(chosen, cast(*members, judge=paid))
        judged = whole.events.index(next(e for e in whole.events if "VerdictFinished" in str(type(e))))
        return record(chosen, cast(*members, judge=paid), resume=resume_from(whole.events[: judged + 1]))

    assert run("0.25").fused.source is Source.FALLBACK
    told = run("0.26")
    assert told.fused.source is Source.MERGE
    assert told.steps == ["merge/0"]


def test_no_time_left_for_judging_gives_the_fallback() -> None:
    stored = {
        AnswerKey(0, n): AnswerResult(Outcome.COMPLETE, t, total_ms=1000) for n, t in enumerate((ONE, TWO))
    }
    told = record(
        settings(members=2, deadline_s=100),
        cast(judge=judge_by(first_shown)),
        resume=Resume(answers=stored),
        elapsed_s=100,
    )
    assert told.asker.calls == []
    assert told.fused.source is Source.FALLBACK
    assert told.verdict["note"] == "The time for judging was up."


def test_after_the_deadline_members_without_an_own_one_are_not_asked() -> None:
    told = record(settings(members=2, deadline_s=100), cast(writes(ONE), writes(TWO)), elapsed_s=101)
    assert told.asker.calls == []
    assert told.end.state == "failed"
    for n in (0, 1):
        error = told.result(n).error
        assert error is not None
        assert error.kind is ErrorKind.TIMEOUT


@pytest.mark.parametrize(
    "judge",
    [
        hangs(),
        InTurn(fails(after=30), hangs()),
        InTurn(writes("What?", 90), hangs()),
        tasks(judge=judge_by(holding("Two"), after=95), merge=hangs("Once up")),
        tasks(judge=judge_by(holding("Two"), after=5), merge=fails(after=80)),
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_the_fused_answer_is_there_at_the_deadline_whatever_the_judge_does(mode: Mode, judge: Script) -> None:
    told = record(
        settings(mode, members=2, deadline_s=100, debate_rounds=0, do_no_harm=True),
        cast(writes(ONE, 1), writes(TWO, 2), judge=judge, fallback=hangs()),
    )
    assert told.time_of(FusedFinished) <= 100.0
    assert told.text in (ONE, TWO)
