"""The judge: both orders, second tries, the fallback judge, and what is done without a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import Ask, ErrorKind, Outcome
from fusion_site.engine.clock import SILENT_S
from fusion_site.engine.events import AnswerFinished, FusedFinished, Resume, StepFinished
from fusion_site.engine.fusing import UNSCORED
from fusion_site.engine.results import Source
from fusion_site.engine.settings import Criterion, Mode
from fusion_site.engine.weighing import BY_ORDER, BY_SCORE, CLOSE_CALL
from tests.engine.judges import candidates_in, first_shown, holding, judge_by, verdict
from tests.engine.recording import FALLBACK, JUDGE, Recording, cast, record, settings
from tests.engine.scripted import Hang, InTurn, Part, Script, fails, hangs, writes

ONE, TWO, THREE = "One way to see it.", "Two ways to see it.", "Three ways to see it."
GARBAGE = writes("I like them all!")
GOOD = judge_by(holding("Two"))
NO_SWAP = {"swap_check": False}


def judged(judge: Part, fallback: Part = (), *, swap: bool = False, **more: Any) -> Recording:
    """Run three members that write prose, with these judges."""
    given = more.pop("settled", {}) | ({} if swap else NO_SWAP)
    return record(
        settings(judge=given, **more),
        cast(writes(ONE), writes(TWO), writes(THREE), judge=judge, fallback=fallback),
    )


class TestLadder:
    """Primary, asked once again, fallback judge, then the fallback answer."""

    def test_the_first_reply_is_enough(self) -> None:
        told = judged(GOOD)
        assert told.steps == ["judge/0"]
        assert told.text == TWO

    @pytest.mark.parametrize(
        "bad",
        [
            GARBAGE,
            fails(),
            fails(ErrorKind.AUTH),
            writes("", outcome=Outcome.EMPTY),
            writes(verdict("A"), outcome=Outcome.TRUNCATED),
            writes(verdict("A"), outcome=Outcome.FILTERED),
            writes(verdict("Z")),
        ],
    )
    def test_a_bad_reply_is_asked_again_once(self, bad: Script) -> None:
        told = judged(InTurn(bad, GOOD))
        assert told.steps == ["judge/0", "judge/0/again"]
        assert told.asker.calls_to(FALLBACK) == []
        assert told.text == TWO
        assert told.verdict["close_call"] is False

    def test_an_unreadable_reply_is_shown_to_its_writer_with_what_is_wrong(self) -> None:
        told = judged(InTurn(GARBAGE, GOOD))
        first, again = told.asker.calls_to(JUDGE)
        assert again.ask.messages[:2] == first.ask.messages
        assert again.ask.messages[2].content == "I like them all!"
        assert "no JSON object" in again.ask.messages[3].content

    def test_a_failed_reply_is_asked_for_again_as_it_was(self) -> None:
        told = judged(InTurn(fails(text="Half a verd"), GOOD))
        first, again = told.asker.calls_to(JUDGE)
        assert again.ask.messages == first.ask.messages

    def test_then_the_fallback_judge_is_asked_the_first_question(self) -> None:
        told = judged(GARBAGE, GOOD)
        assert told.steps == ["judge/0", "judge/0/again", "judge/0/fallback"]
        (call,) = told.asker.calls_to(FALLBACK)
        assert call.ask.messages == told.asker.calls_to(JUDGE)[0].ask.messages
        assert told.text == TWO
        assert told.verdict["judge"] == {"name": "Jury", "model": FALLBACK, "fallback": True}

    def test_then_the_first_usable_member_in_pool_order_is_returned(self) -> None:
        told = judged(GARBAGE, fails())
        assert told.steps == ["judge/0", "judge/0/again", "judge/0/fallback"]
        assert told.fused.source is Source.FALLBACK
        assert told.text == ONE
        assert "no verdict" in told.fused.note
        assert "It failed: server" in told.fused.note
        assert told.verdict["winner"] is None
        assert told.end.state == "done"

    def test_without_a_fallback_judge_the_ladder_is_two_rungs(self) -> None:
        told = record(
            settings(judge=NO_SWAP, fallback=False),
            cast(writes(ONE), writes(TWO), writes(THREE), judge=GARBAGE, fallback=GOOD),
        )
        assert told.steps == ["judge/0", "judge/0/again"]
        assert told.fused.source is Source.FALLBACK

    def test_both_orders_climb_by_themselves(self) -> None:
        told = judged(InTurn(GARBAGE, GARBAGE, GOOD, GOOD), swap=True)
        assert sorted(told.steps) == ["judge/0", "judge/0/again", "judge/1", "judge/1/again"]
        assert told.text == TWO

    @pytest.mark.parametrize("mode", Mode)
    def test_in_every_mode_a_run_without_a_verdict_ends_with_an_answer(self, mode: Mode) -> None:
        told = judged(GARBAGE, GARBAGE, mode=mode, swap=True, debate_rounds=0)
        assert told.fused.source is Source.FALLBACK
        assert told.text == ONE


class TestOrders:
    """The two orders are asked in parallel, and only what both say is sure."""

    def test_both_orders_are_asked_at_once(self) -> None:
        told = judged(GOOD, swap=True)
        first, second = told.asker.calls_to(JUDGE)
        assert first.at == second.at
        shown = list(candidates_in(first.ask))
        assert list(candidates_in(second.ask)) == shown[::-1]
        assert candidates_in(second.ask) == candidates_in(first.ask)
        assert told.verdict["close_call"] is False
        assert [p["order"] for p in told.verdict["passes"]] == ["".join(shown), "".join(shown[::-1])]

    def test_a_judge_that_sees_positions_only_makes_a_close_call_and_the_score_decides(self) -> None:
        marks = {
            "One": [True, False, True, True],
            "Two": [True, True, False, True],
            "Three": [False, True, True, True],
        }
        told = judged(judge_by(first_shown, marks=marks), swap=True)
        assert len({p["winner"] for p in told.verdict["passes"]}) == 2
        assert told.verdict["close_call"] is True
        assert told.text == TWO
        assert told.fused.note == CLOSE_CALL.format(so=BY_SCORE)
        scores = {tuple(c["answer"]): c["score"] for c in told.verdict["candidates"]}
        assert scores == {(0, 0): 5 / 7, (0, 1): 6 / 7, (0, 2): 4 / 7}

    def test_without_scores_a_close_call_goes_to_the_first_in_pool_order(self) -> None:
        told = judged(judge_by(first_shown), swap=True)
        assert told.verdict["close_call"] is True
        assert told.text == ONE
        assert told.fused.note == CLOSE_CALL.format(so=BY_ORDER)

    def test_level_scores_are_not_said_to_decide(self) -> None:
        marks = {"Two": [True, True, False, False], "Three": [True, True, False, False], "One": [False] * 4}
        told = judged(judge_by(first_shown, marks=marks), swap=True)
        assert told.text == TWO
        assert told.fused.note == CLOSE_CALL.format(so=BY_ORDER)

    def test_an_abstention_goes_to_the_higher_score(self) -> None:
        marks = {"One": [False] * 4, "Two": [False] * 4, "Three": [True] * 4}
        told = judged(judge_by(lambda shown: None, marks=marks), swap=True)
        assert told.verdict["close_call"] is True
        assert told.text == THREE
        assert "could not tell" in told.fused.note

    def test_one_order_without_a_verdict_is_a_close_call_and_no_loss(self) -> None:
        told = judged(InTurn(GOOD, fails()), fails(), swap=True)
        assert len(told.verdict["passes"]) == 1
        assert told.verdict["close_call"] is True
        assert told.text == TWO
        assert "one of the two orders" in told.fused.note

    def test_an_unscored_candidate_can_still_win(self) -> None:
        told = judged(judge_by(holding("Two"), marks={"One": [True] * 4}), swap=True)
        assert told.text == TWO
        by_answer = {tuple(c["answer"]): c["score"] for c in told.verdict["candidates"]}
        assert by_answer[(0, 1)] is None


def test_scores_are_the_weighted_share_of_the_criteria_that_were_checked() -> None:
    criteria = (Criterion("Brief", weight=1), Criterion("Kind", weight=3), Criterion("Unseen", weight=5))

    def reply(ask: Any) -> Script:
        checks = [
            {
                "label": letter,
                "criteria": [
                    {"name": "BRIEF", "met": True, "quote": text[:3]},
                    {"name": "Kind", "met": "Two" in text, "quote": "never said"},
                    {"name": "Invented", "met": True, "quote": ""},
                ],
            }
            for letter, text in candidates_in(ask).items()
        ]
        return writes(verdict("A", candidates=checks))

    told = judged(reply, settled={"criteria": criteria})
    rows = {tuple(c["answer"]): c for c in told.verdict["candidates"]}
    assert rows[(0, 1)]["score"] == 1.0
    assert rows[(0, 0)]["score"] == 0.25
    assert rows[(0, 0)]["criteria"][0] == {"name": "BRIEF", "met": True, "quote": "One"}
    assert rows[(0, 0)]["criteria"][1]["quote"] == ""
    assert [c["name"] for c in told.verdict["criteria"]] == ["Brief", "Kind", "Unseen"]


def test_the_judge_is_asked_with_the_schema_and_without_chance() -> None:
    told = judged(GOOD)
    (call,) = told.asker.calls_to(JUDGE)
    assert call.ask.sampling.temperature == 0.0
    assert call.ask.sampling.max_tokens == 4096
    assert call.ask.json_schema is not None
    assert '"winner"' in call.ask.messages[0].content


def test_a_judge_without_a_fallback_has_all_the_time_there_is() -> None:
    asker = cast(writes(ONE), writes(TWO), judge=hangs("Let me th"))
    told = record(settings(members=2, deadline_s=100, fallback=False), asker)
    assert told.time_of(FusedFinished) == 100.0
    assert told.fused.source is Source.FALLBACK
    assert told.text == ONE
    assert told.fused.note == f"The time for judging was up. {UNSCORED}"
    assert [call.ask.deadline_s for call in told.asker.calls_to(JUDGE)] == [99.0, 99.0]


@pytest.mark.parametrize("begun", ["", "Let me th"])
def test_a_judge_that_hangs_leaves_half_of_the_time_to_the_fallback(begun: str) -> None:
    told = judged(hangs(begun), GOOD, deadline_s=101)
    assert [call.closed_at for call in told.asker.calls_to(JUDGE)] == [51.0]
    assert told.steps == ["judge/0", "judge/0/fallback"]
    assert told.time_of(FusedFinished) == 52.0
    assert told.fused.source is Source.BEST_OF
    assert told.text == TWO
    assert told.verdict["judge"]["fallback"] is True


def test_a_judge_that_is_slow_but_writes_is_not_cut_for_the_fallback() -> None:
    def slow(ask: Ask) -> Script:
        return writes(verdict(holding("Two")(candidates_in(ask))), after=90, pieces=40)

    told = judged(slow, fails(), deadline_s=101)
    assert told.steps == ["judge/0"]
    assert told.time_of(FusedFinished) == pytest.approx(91.0)
    assert told.text == TWO


def test_a_judge_that_falls_silent_late_is_left_then() -> None:
    begun = writes("Let me think. " * 5, after=60, pieces=30)[:-1]
    told = judged([*begun, Hang()], GOOD, deadline_s=101)
    assert [call.closed_at for call in told.asker.calls_to(JUDGE)] == [1.0 + 60.0 + SILENT_S]
    assert told.text == TWO


def test_a_repair_has_what_is_left_of_the_judges_half() -> None:
    told = judged(InTurn(writes("What?", after=30), hangs()), GOOD, deadline_s=101)
    assert told.steps == ["judge/0", "judge/0/again", "judge/0/fallback"]
    assert told.time_of(FusedFinished) == 52.0


def test_a_judge_that_hung_before_a_restart_is_not_waited_for_again() -> None:
    first = judged(hangs(), GOOD, deadline_s=101)
    hung = {e.name: e.result for e in first.all(StepFinished) if "fallback" not in e.name}
    answers = {e.key: e.result for e in first.all(AnswerFinished)}
    asker = cast(judge=hangs(), fallback=GOOD)
    told = record(settings(judge=NO_SWAP, deadline_s=101), asker, resume=Resume(answers=answers, steps=hung))
    assert asker.calls_to(JUDGE) == []
    assert told.time_of(FusedFinished) == 1.0
    assert told.text == TWO


def test_a_merge_has_its_time_after_one_order_that_hangs() -> None:
    told = record(
        settings(Mode.MERGE, members=2, fallback=False, deadline_s=101),
        cast(writes(ONE), writes(TWO), judge=InTurn(GOOD, hangs(), writes("Both ways."))),
    )
    assert told.fused.source is Source.MERGE
    assert told.text == "Both ways."
    assert told.time_of(FusedFinished) == 52.0


def test_a_judge_that_ignores_its_deadline_is_dropped_at_it() -> None:
    asker = cast(writes(ONE), writes(TWO), judge=hangs("Let me th"), is_deaf=True)
    told = record(settings(members=2, deadline_s=100, fallback=False), asker)
    assert told.time_of(FusedFinished) == 100.0
    assert [call.closed_at for call in asker.calls_to(JUDGE)] == [100.0, 100.0]
    for step in told.all(StepFinished):
        assert step.result.text == "Let me th"
        assert step.result.error is not None
        assert step.result.error.kind is ErrorKind.TIMEOUT


def test_one_order_in_time_decides_when_the_other_hangs() -> None:
    asker = cast(writes(ONE), writes(TWO), judge=InTurn(GOOD, hangs()))
    told = record(settings(members=2, deadline_s=100, fallback=False), asker)
    assert told.time_of(FusedFinished) == 100.0
    assert told.text == TWO
    assert told.verdict["close_call"] is True
