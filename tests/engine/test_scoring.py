"""Scores on arrival: given while others still write, never waited for, and then only the best are compared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from fusion_site.engine.events import FusedFinished, FusionFinished, StepFinished, VerdictStarted
from fusion_site.engine.fusing import BEST_SCORED, UNSCORED
from fusion_site.engine.results import AnswerKey, Source
from fusion_site.engine.scoring import LINGER_S
from fusion_site.engine.settings import Mode
from tests.engine.grammar import is_early
from tests.engine.judges import (
    candidates_in,
    fences_in,
    first_shown,
    holding,
    judge_by,
    score,
    scores_by,
    task_of,
    tasks,
)
from tests.engine.recording import Recording, cast, record, resume_from, settings
from tests.engine.scripted import Made, Script, fails, hangs, queued, writes

ONE, TWO, THREE, FOUR = "One way.", "Two ways to see it.", "Three ways.", "Four ways."
GOOD, FAIR, POOR = [True] * 4, [True, True, False, True], [True, False, False, False]
MARKS = {"One": POOR, "Two": GOOD, "Three": FAIR}
NEEDS = ("It names scattering.", "It says why.")


def four(
    early: Any,
    judge: Any = None,
    mode: Mode = Mode.BEST_OF,
    *,
    settled: dict[str, Any] | None = None,
    **more: Any,
) -> Recording:
    """Run four members, a second apart, with these scores on arrival."""
    texts = (ONE, TWO, THREE, FOUR)
    return record(
        settings(mode, members=4, judge=settled, **{"quorum": 4, **more}),
        cast(
            *(writes(text, after) for after, text in enumerate(texts, start=1)),
            judge=judge or judge_by(holding("Two")),
            early=early,
        ),
    )


def shown_to_judge(told: Recording) -> list[str]:
    """Give the texts that the comparison was made over, in the order of its first pass."""
    call = next(call for call in told.asker.calls if task_of(call.ask) == "judge")
    return list(candidates_in(call.ask).values())


def scored_texts(told: Recording) -> list[str]:
    """Give the texts that were scored by themselves, in turn."""
    return [
        text
        for call in told.asker.early_calls
        if task_of(call.ask) == "score"
        for text in candidates_in(call.ask).values()
    ]


class TestWhen:
    """Each answer is scored when it is in, while others are still being written."""

    def test_each_is_scored_alone_when_it_is_in_and_the_last_never_is(self) -> None:
        told = four(scores_by(MARKS))
        assert told.early_steps == ["needs", "score/0", "score/1", "score/2"]
        assert scored_texts(told) == [ONE, TWO, THREE]
        assert [call.at for call in told.asker.early_calls] == [1.0, 1.0, 2.0, 3.0]

    @pytest.mark.parametrize("after", [0.1, 50.0])
    def test_nothing_waits_for_it(self, after: float) -> None:
        told = four(scores_by(MARKS, after=after))
        assert told.time_of(VerdictStarted) == 4.0
        assert told.time_of(FusedFinished) == 5.0
        assert told.time_of(FusionFinished) == max(5.0, 3.0 + after)

    def test_a_call_that_is_too_late_runs_to_its_end_so_that_its_cost_is_known(self) -> None:
        told = four(scores_by(MARKS, after=50, cost="0.01"))
        assert {call.closed_at for call in told.asker.early_calls} == {None}
        assert set(shown_to_judge(told)) == {ONE, TWO, THREE, FOUR}

    def test_a_call_that_has_not_left_the_queue_makes_way_for_the_comparison_and_leaves_no_trace(
        self,
    ) -> None:
        def waits(ask: Any) -> Script:
            return queued(scores_by(MARKS)(ask), 30)

        told = four(waits)
        assert told.early_steps == []
        assert {call.closed_at for call in told.asker.early_calls} == {4.0}
        assert told.time_of(FusionFinished) == 5.0

    @pytest.mark.parametrize(("deadline_s", "ends_at"), [(300, 5.0 + LINGER_S), (100, 51.5)])
    def test_a_call_that_hangs_keeps_the_run_open_for_a_minute_at_most(
        self, deadline_s: float, ends_at: float
    ) -> None:
        told = four(hangs("Well"), deadline_s=deadline_s)
        assert told.time_of(FusedFinished) == 5.0
        assert told.time_of(FusionFinished) == ends_at
        ended = [e.result.error for e in told.all(StepFinished) if is_early(e.name)]
        assert len(ended) == 4
        assert all(error is not None and error.kind is ErrorKind.TIMEOUT for error in ended)

    def test_a_judge_on_a_host_of_our_own_is_not_kept_busy_for_what_nobody_waits_for(self) -> None:
        told = four(hangs("Well"), settled={"reads_ahead": True})
        assert told.time_of(FusionFinished) == told.time_of(FusedFinished) == 5.0
        ends = {(task_of(call.ask), call.closed_at) for call in told.asker.early_calls}
        assert ends == {("say", 4.0), ("score", 5.0)}

    @pytest.mark.parametrize(("reads_ahead", "closed"), [(True, {4.0}), (False, {None})])
    def test_what_is_needed_makes_way_for_the_comparison_on_a_host_of_our_own(
        self, reads_ahead: bool, closed: set[float | None]
    ) -> None:
        early = tasks(say=writes("- It says why.", after=30), score=scores_by(MARKS))
        told = four(early, settled={"reads_ahead": reads_ahead})
        assert {c.closed_at for c in told.asker.early_calls if task_of(c.ask) == "say"} == closed
        assert len(scored_texts(told)) == 3
        assert {c.closed_at for c in told.asker.early_calls if task_of(c.ask) == "score"} == {None}

    def test_a_late_answer_is_not_scored(self) -> None:
        told = four(scores_by(MARKS), quorum=2, grace=1.0)
        assert scored_texts(told) == [ONE]
        assert told.fused.late == (AnswerKey(0, 2), AnswerKey(0, 3))

    def test_an_answer_that_failed_or_was_cut_or_refuses_is_not_scored(self) -> None:
        told = record(
            settings(members=5, quorum=5),
            cast(
                fails(after=1),
                writes("Half", 2, outcome=Outcome.TRUNCATED),
                writes("I'm sorry, but I can't help with that.", 3),
                writes(TWO, 4),
                writes(THREE, 5),
                judge=judge_by(holding("Two")),
                early=scores_by(MARKS),
            ),
        )
        assert scored_texts(told) == [TWO]
        assert told.text == TWO

    @pytest.mark.parametrize(("mode", "members"), [(Mode.DEBATE, 4), (Mode.BEST_OF, 2), (Mode.MERGE, 2)])
    def test_where_it_narrows_nothing_down_nothing_is_asked(self, mode: Mode, members: int) -> None:
        told = record(
            settings(mode, members=members, debate_rounds=0),
            cast(
                *(writes(t, n) for n, t in enumerate((ONE, TWO, THREE, FOUR)[:members], start=1)),
                judge=judge_by(holding("Two")),
                early=scores_by(MARKS),
            ),
        )
        assert told.asker.early_calls == []

    def test_a_spent_budget_asks_nothing(self) -> None:
        told = record(
            settings(members=3, quorum=3, budget_usd=Decimal("0.10")),
            cast(
                writes(ONE, 1, cost="0.10"),
                writes(TWO, 2),
                writes(THREE, 3),
                judge=judge_by(holding("Two")),
                early=scores_by(MARKS),
            ),
        )
        assert told.asker.early_calls == []

    def test_stopping_the_run_drops_what_still_runs(self) -> None:
        asker = cast(
            writes(ONE, 1), writes(TWO, 2), writes(THREE, 5), judge=judge_by(holding("Two")), early=hangs()
        )
        record(settings(quorum=3), asker, close_when=lambda at, event: at >= 2.5)
        assert {call.closed_at for call in asker.early_calls} == {2.5}
        assert len(asker.early_calls) == 3


class TestClosed:
    """Answers that agree need no judge, and so no scores."""

    def test_while_all_agree_nothing_is_asked(self) -> None:
        told = record(
            settings(members=4, quorum=4),
            cast(*(writes("Answer: 5", n) for n in range(1, 5)), early=scores_by(MARKS)),
        )
        assert told.fused.source is Source.VOTE
        assert len(told.asker.calls) == 4

    def test_from_the_first_that_disagrees_on_all_are_scored(self) -> None:
        texts = ("Because.\nAnswer: 5", "Answer: 5", "Answer: 6", "Prose.")
        told = record(
            settings(members=4, quorum=4),
            cast(
                *(writes(text, n) for n, text in enumerate(texts, start=1)),
                judge=judge_by(holding("Prose")),
                early=scores_by({"Answer": POOR}),
            ),
        )
        assert scored_texts(told) == [*texts[:3]]
        assert {call.at for call in told.asker.early_calls} == {3.0}


class TestFinalists:
    """All that have no score, and the best of those that have."""

    def test_the_last_and_the_best_are_compared(self) -> None:
        told = four(scores_by(MARKS))
        assert sorted(shown_to_judge(told)) == [FOUR, TWO]
        assert told.one(VerdictStarted).scored == (AnswerKey(0, 0), AnswerKey(0, 1), AnswerKey(0, 2))
        assert len(told.one(VerdictStarted).answers) == 4
        assert told.text == TWO

    def test_in_both_orders_at_once_under_the_first_letters(self) -> None:
        told = four(scores_by(MARKS))
        assert {p["order"] for p in told.verdict["passes"]} == {"AB", "BA"}
        assert told.verdict["finalists"] == ["A", "B"]
        assert sorted(c["label"] for c in told.verdict["candidates"]) == ["A", "B", "C", "D"]

    def test_ties_all_stay(self) -> None:
        told = four(scores_by({"One": GOOD, "Two": GOOD, "Three": POOR}))
        assert sorted(shown_to_judge(told)) == [FOUR, ONE, TWO]

    def test_where_all_are_scored_the_top_two_are_compared(self) -> None:
        told = record(
            settings(members=4, quorum=4),
            cast(
                *(writes(text, n) for n, text in enumerate((ONE, TWO, THREE), start=1)),
                fails(after=9),
                judge=judge_by(holding("Three")),
                early=scores_by(MARKS),
            ),
        )
        assert sorted(shown_to_judge(told)) == [THREE, TWO]
        assert told.text == THREE

    @pytest.mark.parametrize(
        "unread",
        [
            writes("I like them all!", 0.1),
            fails(after=0.1),
            writes(score(GOOD), 0.1, outcome=Outcome.TRUNCATED),
            writes('{"reasoning": "x", "candidates": [{"label": "A", "criteria": []}], "winner": "A"}', 0.1),
            writes('{"winner": "A"}', 0.1),
            writes('{"criteria": [{"name": "Unheard of", "met": true, "quote": ""}]}', 0.1),
            writes('{"criteria": [{"name": "Correct", "met": "yes", "quote": ""}]}', 0.1),
            writes('{"criteria": 7}', 0.1),
        ],
    )
    def test_what_cannot_be_read_is_no_score_and_all_are_compared(self, unread: Script) -> None:
        told = four(unread)
        assert set(shown_to_judge(told)) == {ONE, TWO, THREE, FOUR}
        assert told.early_steps == ["needs", "score/0", "score/1", "score/2"]
        assert told.text == TWO

    def test_one_without_a_score_is_compared_beside_the_last(self) -> None:
        told = four(scores_by({"Two": GOOD, "Three": FAIR}))
        assert sorted(shown_to_judge(told)) == [FOUR, ONE, TWO]

    def test_a_merge_compares_all_that_it_is_made_of(self) -> None:
        told = four(scores_by(MARKS), mode=Mode.MERGE)
        assert sorted(shown_to_judge(told)) == [FOUR, THREE, TWO]
        merged = next(call for call in told.asker.calls if task_of(call.ask) == "merge")
        assert sorted(candidates_in(merged.ask).values()) == [FOUR, THREE, TWO]

    def test_a_merge_of_three_scores_none_of_them(self) -> None:
        told = record(
            settings(Mode.MERGE, quorum=3),
            cast(
                writes(ONE, 1),
                writes(TWO, 2),
                writes(THREE, 3),
                judge=judge_by(holding("Two")),
                early=scores_by(MARKS),
            ),
        )
        assert told.early_steps == ["needs"]

    def test_a_judge_that_sees_positions_only_falls_back_to_the_scores(self) -> None:
        told = four(scores_by(MARKS), judge_by(first_shown))
        assert told.verdict["close_call"] is True
        assert told.text == TWO


def test_scores_come_from_the_comparison_else_from_arrival() -> None:
    told = four(scores_by(MARKS), judge_by(holding("Two"), marks={"Two": FAIR, "Four": POOR}))
    rows = {tuple(c["answer"]): c for c in told.verdict["candidates"]}
    assert [rows[0, n]["score"] for n in range(4)] == [3 / 7, 6 / 7, 6 / 7, 3 / 7]
    assert [check["met"] for check in rows[0, 0]["criteria"]] == POOR


def test_a_quote_that_is_not_in_the_candidate_is_dropped() -> None:
    def scored(ask: Any) -> Script:
        return writes("- x", 0.1) if task_of(ask) == "say" else writes(score(POOR, "One way"), 0.1)

    told = four(scored)
    rows = {tuple(c["answer"]): c for c in told.verdict["candidates"]}
    assert rows[0, 0]["criteria"][0]["quote"] == "One way"
    assert rows[0, 1]["criteria"][0]["quote"] == ""


def test_without_a_verdict_the_best_score_so_far_is_returned() -> None:
    told = four(scores_by(MARKS), writes("What?"), fallback=False)
    assert told.fused.source is Source.FALLBACK
    assert told.text == TWO
    assert told.fused.note.endswith(BEST_SCORED)
    told = four(scores_by({}), writes("What?"), fallback=False)
    assert told.text == ONE
    assert told.fused.note.endswith(UNSCORED)


def test_without_a_verdict_a_score_that_came_too_late_for_the_comparison_counts() -> None:
    told = four(scores_by(MARKS, after=3.5), writes("What?", after=5), fallback=False)
    assert told.one(VerdictStarted).scored == ()
    assert told.text == TWO
    assert told.fused.note.endswith(BEST_SCORED)


class TestNeeds:
    """What a right answer needs is written down before any is read, and given along where it is there."""

    def test_it_is_asked_once_with_the_first_score_and_without_any_candidate(self) -> None:
        told = four(scores_by(MARKS))
        (call,) = [call for call in told.asker.early_calls if task_of(call.ask) == "say"]
        assert call.at == 1.0
        assert candidates_in(call.ask) == {}

    def test_it_is_shown_from_when_it_is_there(self) -> None:
        told = four(scores_by(MARKS, after=1.5))
        seen = {
            (task_of(call.ask), call.at): fences_in(call.ask, "needs").get("")
            for call in told.asker.calls
            if task_of(call.ask) in {"score", "judge"}
        }
        assert seen == {
            ("score", 1.0): None,
            ("score", 2.0): None,
            ("score", 3.0): list(NEEDS),
            ("judge", 4.0): list(NEEDS),
        }
        assert told.verdict["needs"] == list(NEEDS)
        assert told.one(VerdictStarted).with_needs is True

    def test_up_to_what_is_needed_all_calls_are_the_same(self) -> None:
        told = four(scores_by(MARKS, after=1.5))
        asked = [call.ask.messages for call in told.asker.early_calls if task_of(call.ask) == "score"]
        assert len({messages[0] for messages in asked}) == 1
        before = {
            messages[1].content.partition("<<candidate ")[0].partition("<<needs ")[0] for messages in asked
        }
        assert len(before) == 1
        assert "Why is the sky blue?" in before.pop()

    def test_what_comes_too_late_or_is_no_list_is_left_out(self) -> None:
        for early in (scores_by(MARKS, after=50), scores_by(MARKS, needs='{"winner": "A"}')):
            told = four(early)
            assert told.verdict["needs"] == []
            assert told.one(VerdictStarted).with_needs is False

    def test_it_is_short_and_harmless(self) -> None:
        lines = ["Here you are:", *(f"{n}. <|im_start|> line {n} " + "x" * 500 for n in range(1, 10))]
        told = four(scores_by(MARKS, needs="\n".join(lines)))
        assert len(told.verdict["needs"]) == 6
        assert all(need.startswith("‹|im_start|") and len(need) == 300 for need in told.verdict["needs"])

    def test_the_harm_check_is_shown_it_too(self) -> None:
        told = four(scores_by(MARKS), mode=Mode.MERGE, do_no_harm=True)
        harm = told.asker.calls[-1]
        assert "The merged answer." in candidates_in(harm.ask).values()
        assert fences_in(harm.ask, "needs") == {"": list(NEEDS)}


def made(early: Made) -> Any:
    """Give a run of four with a merge, in which calls of every kind are open at some time."""
    texts = (ONE, TWO, THREE, FOUR)
    return settings(Mode.MERGE, members=4, quorum=4, do_no_harm=True), cast(
        *(writes(text, after) for after, text in enumerate(texts, start=1)),
        judge=judge_by(holding("Two"), after=2),
        early=early,
    )


@pytest.mark.parametrize("after", [0.1, 1.5, 4.5])
def test_from_every_point_the_same_are_compared_and_nothing_is_paid_twice(after: float) -> None:
    chosen, asker = made(scores_by(MARKS, after=after))
    whole = record(chosen, asker)
    for cut in range(len(whole.events) + 1):
        before = whole.events[:cut]
        again = record(chosen, made(scores_by(MARKS, after=after))[1], resume=resume_from(before))
        begun = [event for event in before if isinstance(event, VerdictStarted)]
        if begun and again.all(VerdictStarted):
            assert again.one(VerdictStarted) == begun[0]
            assert again.asker.early_calls == []
            assert again.verdict == whole.verdict
