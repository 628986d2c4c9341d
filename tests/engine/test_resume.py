"""Going on from what an earlier attempt finished: nothing is asked twice, and the same is compared."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from fusion_site.engine.asking import Outcome
from fusion_site.engine.events import (
    AnswerFinished,
    FusedFinished,
    FusedStarted,
    FusedText,
    FusionEvent,
    FusionFinished,
    Resume,
    StepFinished,
    VerdictFinished,
    VerdictStarted,
)
from fusion_site.engine.results import AnswerKey, AnswerResult, Source
from fusion_site.engine.settings import FusionSettings, Mode
from tests.engine.judges import holding, judge_by, task_of, tasks
from tests.engine.recording import JUDGE, Recording, cast, member, model, record, resume_from, settings
from tests.engine.scripted import InTurn, ScriptedAsker, fails, hangs, writes

ONE, TWO, THREE, FOUR = "One way.", "Two ways.", "Three ways.", "Four ways, late."
CHANGE = "CHANGE\nReason: two are too few\n\nTwo and a half."


def best_of() -> tuple[FusionSettings, ScriptedAsker]:
    """A best-of with a failing, a stopped-by-length and a late member."""
    pool = settings(members=6)
    cut = writes("Cut sh", 2, outcome=Outcome.TRUNCATED)
    members = (writes(ONE, 1), fails(after=2), cut, writes(TWO, 3), writes(THREE, 4), writes(FOUR, 14))
    return pool, cast(*members, judge=judge_by(holding("Three"), after=8))


def best_of_with_trouble() -> tuple[FusionSettings, ScriptedAsker]:
    """A best-of whose judge is unreadable at first, and gives up on one order."""
    judge = InTurn(writes("What?"), judge_by(holding("Two")), writes("What?"), writes("What?"))
    return settings(members=3), cast(
        writes(ONE, 1), writes(TWO, 2), writes(THREE, 3), judge=judge, fallback=fails()
    )


def merge() -> tuple[FusionSettings, ScriptedAsker]:
    """A merge whose first try fails, checked for harm, while a late member writes."""
    judge = tasks(judge=judge_by(holding("Two"), after=5), merge=fails(after=3, text="Half a mer"))
    return settings(Mode.MERGE, members=4, do_no_harm=True), cast(
        writes(ONE, 1),
        writes(TWO, 2),
        writes(THREE, 3),
        writes(FOUR, 9),
        judge=judge,
        fallback=tasks(merge=writes("Merged. " * 700, 4)),
    )


def debate() -> tuple[FusionSettings, ScriptedAsker]:
    """A debate of two rounds in which one member changes its mind, one is late and one fails."""
    talk = [
        tasks(answer=writes(ONE, 1), challenge=writes("KEEP\nReason: sure", 2)),
        tasks(answer=writes(TWO, 2), challenge=writes(CHANGE, 3)),
        tasks(answer=writes(THREE, 3), challenge=fails(after=4)),
        tasks(answer=writes(FOUR, 20), challenge=writes("KEEP", 5)),
    ]
    pool = settings(Mode.DEBATE, members=4, debate_rounds=2)
    return pool, cast(*talk, judge=judge_by(holding("half"), after=6))


def vote() -> tuple[FusionSettings, ScriptedAsker]:
    """A vote that a late answer would turn into a tie."""
    texts = ("Answer: 1", "Answer: 1", "Answer: 2", "Answer: 2")
    return settings(members=4), cast(
        *(writes(text, after) for text, after in zip(texts, (1, 2, 3, 30), strict=True))
    )


def tie() -> tuple[FusionSettings, ScriptedAsker]:
    """A tie that a late answer would decide."""
    texts = ("Answer: 1", "Answer: 2", "two\nAnswer: 2", "Answer: 3", "Answer: 1", "Answer: 1")
    times = (1, 2, 3, 4, 5, 11)
    members = [writes(text, after) for text, after in zip(texts, times, strict=True)]
    return settings(members=6), cast(*members, judge=judge_by(holding("two"), after=4))


def single() -> tuple[FusionSettings, ScriptedAsker]:
    """One usable answer."""
    return settings(members=2), cast(fails(after=2), writes(ONE, 4, reasoning="Hm."))


def nothing() -> tuple[FusionSettings, ScriptedAsker]:
    """No usable answer: one fails, one hangs to the deadline."""
    return settings(members=2, deadline_s=40), cast(fails(after=2), hangs("On"))


def required() -> tuple[FusionSettings, ScriptedAsker]:
    """A required member that is slow, and a judge without a verdict."""
    pool = (member(0), member(1), member(2, required=True))
    return settings(members=pool), cast(
        writes(ONE, 1), writes(TWO, 2), writes(THREE, 30), judge=fails(), fallback=fails()
    )


def read_ahead() -> tuple[FusionSettings, ScriptedAsker]:
    """Answers that are compared in the order in which they came, since the judge's server has read them in it."""
    pool = settings(members=3, judge={"reads_ahead": True}, quorum=3)
    members = (writes(ONE, 3), writes(TWO, 1), writes(THREE, 2))
    return pool, cast(*members, judge=judge_by(holding("Three"), after=4), reading_s=0.5)


STORIES = [best_of, best_of_with_trouble, merge, debate, vote, tie, single, nothing, required, read_ahead]


@pytest.mark.parametrize("story", STORIES)
def test_from_every_point_a_run_goes_on_to_its_end(story: Any) -> None:
    chosen, asker = story()
    whole = record(chosen, asker)
    for cut in range(len(whole.events) + 1):
        before = whole.events[:cut]
        again = _go_on(chosen, story()[1], before)
        if any(isinstance(event, VerdictStarted) for event in before):
            _same_comparison(whole, again, before)


def _go_on(chosen: FusionSettings, asker: ScriptedAsker, before: list[FusionEvent]) -> Recording:
    resume = resume_from(before)
    again = record(chosen, asker, resume=resume)  # the grammar forbids finished answers and steps
    firsts = [call for call in again.asker.calls if task_of(call.ask) == "answer"]
    assert not {call.model for call in firsts} & {model(k.member) for k in resume.answers if k.round == 0}
    assert len(firsts) == len({call.model for call in firsts})
    if not any(isinstance(event, FusionFinished) for event in before):
        assert again.end.state in {"done", "failed"}
    return again


def _same_comparison(whole: Recording, again: Recording, before: list[FusionEvent]) -> None:
    if any(isinstance(event, FusedFinished) for event in before):
        assert not again.all(FusedStarted)
        assert not again.all(VerdictStarted)
        return
    assert again.one(VerdictStarted) == whole.one(VerdictStarted)
    paid = [event for event in before if isinstance(event, StepFinished)]
    if len(paid) == len(whole.all(StepFinished)):
        assert again.verdict == whole.verdict
        assert again.text == whole.text
        assert again.fused.source == whole.fused.source
        assert again.asker.calls_to(JUDGE) == []


def test_an_answer_that_came_late_before_the_stop_is_not_compared_after_it() -> None:
    chosen, asker = best_of()
    whole = record(chosen, asker)
    late = next(n for n, e in enumerate(whole.events) if isinstance(e, AnswerFinished) and e.key.member == 5)
    resume = resume_from(whole.events[: late + 1])
    assert resume.compared is not None
    assert AnswerKey(0, 5) not in resume.compared
    again = record(chosen, best_of()[1], resume=resume)
    assert again.one(VerdictStarted).answers == resume.compared
    assert again.fused.late == (AnswerKey(0, 5),)
    assert again.text == whole.text


def test_without_what_was_compared_a_paid_verdict_is_not_read_for_other_answers() -> None:
    chosen, asker = best_of()
    whole = record(chosen, asker)
    at = next(n for n, e in enumerate(whole.events) if isinstance(e, VerdictFinished))
    resume = replace(resume_from(whole.events[: at + 1]), compared=None)
    assert AnswerKey(0, 5) in resume.answers
    again = record(chosen, cast(judge=judge_by(holding("Four"))), resume=resume)
    assert len(again.asker.calls_to(JUDGE)) == 2
    assert len(again.verdict["candidates"]) == 4
    assert again.text == FOUR


def test_a_finished_fused_answer_is_left_alone_and_late_members_still_settle() -> None:
    stored = {
        AnswerKey(0, n): AnswerResult(Outcome.COMPLETE, t, total_ms=1000) for n, t in enumerate((ONE, TWO))
    }
    told = record(
        settings(),
        cast((), (), writes(THREE, 9)),
        resume=Resume(answers=stored, fused=FusedText(1, Source.BEST_OF, ONE)),
    )
    assert [type(e) for e in told.events if not hasattr(e, "key")] == [FusionFinished]
    assert told.end == FusionFinished("done")
    assert told.ended_at(2) == 9.0


def test_stored_outcomes_count_as_they_were() -> None:
    stored = {
        AnswerKey(0, 0): AnswerResult(Outcome.CANCELLED, "On"),
        AnswerKey(0, 1): AnswerResult(Outcome.COMPLETE, TWO, total_ms=2000),
    }
    told = record(settings(members=2), cast(), resume=Resume(answers=stored))
    assert told.fused.source is Source.SINGLE
    assert told.text == TWO


def test_a_resumed_run_may_be_stopped_again_and_again() -> None:
    rng = random.Random(3)
    for _ in range(40):
        story = rng.choice(STORIES)
        chosen, asker = story()
        said: list[FusionEvent] = []
        for _ in range(6):
            stop_after = rng.randrange(1, 25)
            part = record(chosen, asker, resume=resume_from(said), close_when=_after(stop_after))
            said += part.events
            if part.all(FusionFinished):
                break
            asker = story()[1]
        else:
            said += record(chosen, story()[1], resume=resume_from(said)).events
        finished = [e.key for e in said if isinstance(e, AnswerFinished)]
        assert len(finished) == len(set(finished)), "an answer was finished twice"
        assert sum(isinstance(e, FusedFinished) for e in said) <= 1


def _after(events: int) -> Any:
    count = iter(range(1, 10_000))
    return lambda at, event: next(count) >= events
