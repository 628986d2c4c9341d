"""How long answers are waited for: quorum, grace, required members, and the deadline, to the second."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from fusion_site.engine.events import AnswerFinished, FusedFinished, FusionFinished, Resume, VerdictStarted
from fusion_site.engine.results import AnswerKey, AnswerResult, Source
from fusion_site.engine.settings import FusionSettings, Mode
from tests.engine.judges import holding, judge_by, tasks
from tests.engine.recording import Recording, cast, member, record, settings
from tests.engine.scripted import Made, Script, fails, hangs, queued, writes

JUDGED = judge_by(holding("Answer"), after=1)


def answer(after: float, *, words: str = "Answer in prose") -> Script:
    """Write an answer that ends in prose."""
    return writes(words, after)


def at(*members: Script, of: FusionSettings | None = None, **more: Any) -> Recording:
    """Run members with these scripts."""
    chosen = of or settings(members=len(members), **more)
    return record(chosen, cast(*members, judge=JUDGED))


@pytest.mark.parametrize(
    ("members", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4), (8, 4)]
)
def test_the_default_quorum_is_half_the_pool_and_two_at_least(members: int, quorum: int) -> None:
    assert settings(members=members).quorum_size == quorum


def test_a_quorum_beyond_the_pool_is_all_of_it() -> None:
    assert settings(members=3, quorum=8).quorum_size == 3
    assert settings(members=3, quorum=1).quorum_size == 1


def test_after_the_quorum_the_rest_have_twice_its_time() -> None:
    told = at(answer(3), answer(10), answer(19.9), answer(20.1))
    assert told.time_of(VerdictStarted) == 20.0
    assert [k.member for k in told.one(VerdictStarted).answers] == [0, 1, 2]
    assert told.fused.late == (AnswerKey(0, 3),)


def test_comparing_starts_at_once_when_all_are_in() -> None:
    told = at(answer(3), answer(10), answer(11), answer(12))
    assert told.time_of(VerdictStarted) == 12.0
    assert told.fused.late == ()


def test_grace_is_the_factor_that_was_set() -> None:
    assert at(answer(4), answer(8), hangs(), grace=1.5).time_of(VerdictStarted) == 12.0
    assert at(answer(4), answer(8), hangs(), grace=1.0).time_of(VerdictStarted) == 8.0


def test_the_quorum_is_the_number_that_was_set() -> None:
    told = at(answer(1), answer(5), answer(9), hangs(), quorum=3)
    assert told.time_of(VerdictStarted) == 18.0
    told = at(answer(3), answer(5), answer(9), quorum=1)
    assert told.time_of(VerdictStarted) == 6.0
    assert told.fused.late == (AnswerKey(0, 2),)


def test_only_usable_answers_make_a_quorum() -> None:
    bad = writes("cut", 2, outcome=Outcome.TRUNCATED)
    told = at(fails(after=1), bad, writes(" ", 3), answer(6), answer(7), hangs(), quorum=2)
    assert told.time_of(VerdictStarted) == 14.0


def test_failures_that_leave_fewer_than_the_quorum_end_the_wait() -> None:
    told = at(fails(after=1), answer(6), fails(after=9), quorum=3)
    assert told.time_of(FusedFinished) == 9.0
    assert told.fused.source is Source.SINGLE


def test_a_required_member_is_waited_for_until_the_deadline() -> None:
    pool = (member(0), member(1), member(2, required=True))
    told = at(answer(3), answer(5), answer(70), of=settings(members=pool, deadline_s=100))
    assert told.time_of(VerdictStarted) == 70.0
    told = at(answer(3), answer(5), answer(76), of=settings(members=pool, deadline_s=100))
    assert told.time_of(VerdictStarted) == 75.0
    assert told.fused.late == (AnswerKey(0, 2),)


def test_a_required_member_does_not_stretch_the_grace_of_the_others() -> None:
    pool = (member(0), member(1), member(2, required=True), member(3))
    told = at(answer(3), answer(5), answer(30), answer(50), of=settings(members=pool))
    assert told.time_of(VerdictStarted) == 30.0
    assert told.fused.late == (AnswerKey(0, 3),)


def test_a_required_member_that_fails_is_not_waited_for_any_more() -> None:
    pool = (member(0), member(1), member(2, required=True), member(3))
    told = at(answer(3), answer(5), fails(after=8), hangs(), of=settings(members=pool))
    assert told.time_of(VerdictStarted) == 10.0


@pytest.mark.parametrize(
    ("deadline", "counts_until"), [(40, 30), (100, 75), (240, 180), (300, 240), (1000, 940)]
)
def test_a_quarter_of_the_time_and_a_minute_at_most_is_kept_for_judging(
    deadline: float, counts_until: float
) -> None:
    told = at(answer(1), hangs(), hangs(), quorum=3, deadline_s=deadline)
    assert told.time_of(FusedFinished) == counts_until
    assert told.fused.source is Source.SINGLE
    assert told.time_of(FusionFinished) == deadline


def test_time_that_has_passed_before_counts() -> None:
    told = record(
        settings(members=3, quorum=3, deadline_s=100),
        cast(answer(1), answer(2), hangs(), judge=JUDGED),
        elapsed_s=50,
    )
    assert told.time_of(VerdictStarted) == 25.0
    assert told.ended_at(2) == 50.0


def test_with_nothing_usable_at_the_deadline_all_are_given_up() -> None:
    told = at(hangs("one"), hangs(), queued(answer(1), 500), deadline_s=100)
    assert told.end.state == "failed"
    assert told.time_of(FusionFinished) == 75.0
    for index in range(3):
        ended = told.result(index)
        assert ended.outcome is Outcome.ERROR
        assert ended.error is not None
        assert ended.error.kind is ErrorKind.TIMEOUT
    assert told.result(0).text == "one"
    assert all(call.closed_at == 75.0 for call in told.asker.calls)


def test_a_late_answer_goes_on_and_settles_after_the_fused_one() -> None:
    told = at(answer(2), answer(4), answer(60, words="Answer, but late"))
    assert told.time_of(FusedFinished) == 9.0
    assert told.fused.late == (AnswerKey(0, 2),)
    assert told.ended_at(2) == 60.0
    assert told.result(2).outcome is Outcome.COMPLETE
    assert told.time_of(FusionFinished) == 60.0
    assert isinstance(told.events[-1], FusionFinished)


def test_an_answer_that_comes_while_the_judge_reads_is_late_too() -> None:
    slow_judge = judge_by(holding("Answer"), after=30)
    told = record(
        settings(), cast(answer(2), answer(4), answer(10, words="Answer, but late"), judge=slow_judge)
    )
    assert told.ended_at(2) == 10.0
    assert told.time_of(FusedFinished) == 38.0
    assert told.fused.late == (AnswerKey(0, 2),)


def test_one_that_fails_while_the_judge_reads_is_not_late_but_failed() -> None:
    slow_judge = judge_by(holding("Answer"), after=30)
    told = record(settings(), cast(answer(2), answer(4), fails(after=10), judge=slow_judge))
    assert told.fused.late == ()


def test_a_late_answer_has_its_own_deadline() -> None:
    pool = (member(0), member(1), member(2, deadline_s=20))
    told = at(answer(2), answer(4), hangs(), of=settings(members=pool))
    assert told.ended_at(2) == 20.0
    pool = (member(0), member(1), member(2, deadline_s=500))
    told = at(answer(2), answer(4), answer(450), of=settings(members=pool, deadline_s=100))
    assert told.result(2).outcome is Outcome.COMPLETE
    assert told.time_of(FusionFinished) == 450.0


def test_queueing_does_not_count_against_a_members_own_deadline() -> None:
    pool = (member(0), replace(member(1), deadline_s=10))
    told = at(answer(30), queued(answer(9), 20), of=settings(members=pool))
    assert told.result(1).outcome is Outcome.COMPLETE


def test_a_restarted_run_takes_the_quorums_time_from_what_was_stored() -> None:
    stored = {
        AnswerKey(0, n): AnswerResult(Outcome.COMPLETE, f"Answer {n} of old", total_ms=ms)
        for n, ms in ((0, 3000), (1, 8000))
    }
    told = record(settings(members=3), cast((), (), hangs(), judge=JUDGED), resume=Resume(answers=stored))
    assert told.time_of(VerdictStarted) == 16.0
    assert [e.key.member for e in told.all(AnswerFinished)] == [2]


def test_debate_replies_have_quorum_and_grace_of_their_own() -> None:
    def replies(after: float) -> Made:
        return tasks(answer=answer(2), challenge=writes("KEEP\nReason: none", after))

    told = record(
        settings(Mode.DEBATE, members=4),
        cast(replies(3), replies(5), replies(9), replies(11), judge=JUDGED),
    )
    assert told.time_of(VerdictStarted) == 12.0
    assert told.fused.late == (AnswerKey(1, 3),)


def test_a_debate_ends_when_the_time_for_answering_is_up() -> None:
    talk = tasks(answer=answer(10), challenge=hangs())
    told = record(
        settings(Mode.DEBATE, members=2, deadline_s=100, debate_rounds=2), cast(talk, talk, judge=JUDGED)
    )
    assert told.time_of(VerdictStarted) == 75.0
    assert {e.key.round for e in told.all(AnswerFinished)} == {0, 1}
    assert told.ended_at(0, 1) == 100.0
