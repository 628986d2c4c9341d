"""A later pass: only who is wanted is asked, everybody is waited for, nobody debates anew, and what there is now is fused."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from fusion_site.engine.again import fuse_again, stand_now
from fusion_site.engine.asking import Outcome
from fusion_site.engine.events import (
    AnswerFinished,
    FusedFinished,
    FusionEvent,
    FusionFinished,
    Resume,
    StepFinished,
    VerdictStarted,
)
from fusion_site.engine.results import AnswerKey, AnswerResult, Source
from fusion_site.engine.settings import FusionSettings, Mode
from tests.engine.judges import holding, judge_by
from tests.engine.recording import JUDGE, Recording, cast, model, record, resume_from, settings
from tests.engine.scripted import Hang, ScriptedAsker, fails, hangs, writes

ONE, TWO, THREE = "One way.", "Two ways.", "Three ways."
Begin = Callable[..., AsyncGenerator[FusionEvent, None]]


def there(*answers: AnswerResult | None) -> Resume:
    """Give first answers as they stand in rows; None is one that is wanted."""
    found = {AnswerKey(0, n): answer for n, answer in enumerate(answers) if answer is not None}
    return Resume(answers=found)


def said(text: str, outcome: Outcome = Outcome.COMPLETE, cost: str | None = None) -> AnswerResult:
    """Give an answer that is over."""
    return AnswerResult(outcome, text, cost_usd=None if cost is None else Decimal(cost), total_ms=1000)


def version(number: int, *, fuses: bool = True) -> Begin:
    """Give what begins a later pass."""
    return partial(fuse_again, version=number, fuses=fuses)


def later(given: FusionSettings, asker: ScriptedAsker, resume: Resume, number: int = 2) -> Recording:
    """Run a later pass that fuses."""
    return record(given, asker, resume=resume, begin=version(number))


def test_what_there_is_now_is_judged_and_fused_as_the_next_version() -> None:
    asker = cast(judge=judge_by(holding("Three"), after=2))
    seen = later(settings(members=3), asker, there(said(ONE), said(TWO), said(THREE)))
    assert (seen.fused.version, seen.fused.source, seen.text) == (2, Source.BEST_OF, THREE)
    assert seen.one(FusedFinished).version == 2
    assert {call.model for call in asker.calls} == {JUDGE}
    assert seen.fused.late == ()


def test_one_usable_answer_is_returned_without_a_judge() -> None:
    asker = cast()
    seen = later(settings(members=2), asker, there(said(ONE), said("", Outcome.ERROR)))
    assert (seen.fused.source, seen.text, asker.calls) == (Source.SINGLE, ONE, [])


def test_answers_that_agree_by_now_need_no_judge() -> None:
    asker = cast()
    seen = later(settings(members=3), asker, there(said("Answer: 4"), said("Answer: 5"), said("Answer: 4")))
    assert (seen.fused.source, asker.calls) == (Source.VOTE, [])


def test_only_the_wanted_member_is_asked_and_it_is_waited_for_beyond_any_grace() -> None:
    asker = cast(writes(ONE), writes(TWO), writes(THREE, 60), judge=judge_by(holding("Three")))
    seen = later(settings(members=3, quorum=1, grace=1), asker, there(said(ONE), said(TWO), None))
    assert [call.model for call in asker.calls if call.model != JUDGE] == [model(2)]
    assert seen.time_of(VerdictStarted) == 60
    assert seen.text == THREE


def test_without_fusing_it_is_only_asked() -> None:
    asker = cast(writes(ONE), judge=judge_by(holding("One")))
    seen = record(
        settings(members=2), asker, resume=there(None, said(TWO)), begin=version(2, fuses=False), fuses=False
    )
    assert [type(event) for event in seen.events][-2:] == [AnswerFinished, FusionFinished]
    assert seen.end.state == "done"
    assert len(asker.calls) == 1


def test_who_is_not_done_in_time_is_late_and_goes_on_to_its_own_deadline() -> None:
    pool = settings(members=3, deadline_s=100)
    pool = replace(pool, members=(*pool.members[:2], replace(pool.members[2], deadline_s=200)))
    asker = cast((), (), hangs("begun"), judge=judge_by(holding("Two")))
    seen = later(pool, asker, there(said(ONE), said(TWO), None))
    assert seen.time_of(VerdictStarted) == 75
    assert seen.fused.late == (AnswerKey(0, 2),)
    assert seen.ended_at(2) == 200
    assert seen.text == TWO


def test_with_nothing_usable_it_fails_without_a_judge() -> None:
    asker = cast(fails())
    seen = later(settings(members=1), asker, there(None))
    assert seen.end.state == "failed"
    assert not seen.all(VerdictStarted)


def test_cut_short_answers_count_in_a_merge_only() -> None:
    answers = there(said(ONE), said("Two wa", Outcome.TRUNCATED))
    assert len(stand_now(settings(members=2), answers)) == 1
    assert len(stand_now(settings(Mode.MERGE, members=2), answers)) == 2


@pytest.mark.parametrize(
    ("reply", "stands"),
    [
        ("CHANGE\nReason: two is too few\n\nThree after all.", "Three after all."),
        ("KEEP\nReason: none is better", TWO),
        ("CHANGE\nReason: none\n\nThree after all.", TWO),
    ],
)
def test_a_debate_is_not_held_again_and_its_positions_stand(reply: str, stands: str) -> None:
    answers = {
        AnswerKey(0, 0): said(ONE),
        AnswerKey(0, 1): said(TWO),
        AnswerKey(0, 2): said("New: zero."),
        AnswerKey(1, 0): said("KEEP\nReason: it holds"),
        AnswerKey(1, 1): said(reply),
    }
    asker = cast(judge=judge_by(holding(stands)))
    seen = later(settings(Mode.DEBATE, members=3), asker, Resume(answers=answers))
    assert {call.model for call in asker.calls} == {JUDGE}
    assert (seen.fused.source, seen.text) == (Source.DEBATE, stands)


def test_the_same_question_is_answered_from_the_stored_steps() -> None:
    pool = settings(members=3)
    asker = cast(writes(ONE), writes(TWO), writes(THREE), judge=judge_by(holding("Two")))
    first = record(pool, asker)
    stored = resume_from(first.events)
    asked = len(asker.calls)
    seen = later(pool, asker, replace(stored, fused=None, compared=None))
    assert (len(asker.calls), seen.text, seen.fused.version) == (asked, first.text, 2)
    more = replace(
        stored, fused=None, compared=None, answers={**stored.answers, AnswerKey(0, 1): said("Two!")}
    )
    later(pool, asker, more)
    assert len(asker.calls) > asked


def test_a_pass_that_was_cut_compares_the_same_again_and_asks_no_step_twice() -> None:
    pool = settings(members=3)
    asker = cast((), (), writes(THREE, 3), judge=judge_by(holding("Three"), after=4))
    begun = there(said(ONE), said(TWO), None)
    whole = later(pool, asker, begun)
    step = next(n for n, event in enumerate(whole.events) if isinstance(event, StepFinished))
    so_far = resume_from(whole.events[: step + 1])
    resume = replace(so_far, answers={**begun.answers, **so_far.answers})
    before = len(asker.calls)
    seen = later(pool, asker, resume)
    assert seen.text == whole.text
    assert len(asker.calls) - before == len(whole.all(StepFinished)) - 1
    done = resume_from(whole.events)
    once_more = later(pool, cast(), replace(done, answers={**begun.answers, **done.answers}))
    assert [type(event) for event in once_more.events] == [FusionFinished]


def test_its_clock_begins_anew_and_the_budget_does_not() -> None:
    asker = cast((), (), writes(THREE, 90), judge=judge_by(holding("Three")))
    seen = later(settings(members=3, deadline_s=130), asker, there(said(ONE), said(TWO), None))
    assert seen.text == THREE
    paid = replace(there(said(ONE, cost="1"), said(TWO)), paid_usd=Decimal(2))
    asker = cast(judge=judge_by(holding("Two")))
    seen = later(settings(members=2, budget_usd=Decimal(3)), asker, paid)
    assert (seen.fused.source, asker.calls) == (Source.FALLBACK, [])
    seen = later(settings(members=2, budget_usd=Decimal("3.01")), asker, paid)
    assert seen.fused.source is Source.BEST_OF


def test_a_hanging_judge_gives_way_to_the_first_answer_when_time_is_up() -> None:
    asker = cast(judge=[Hang()], fallback=[Hang()])
    seen = later(settings(members=2, deadline_s=40), asker, there(said(ONE), said(TWO)))
    assert (seen.fused.source, seen.time_of(FusedFinished)) == (Source.FALLBACK, 40)
