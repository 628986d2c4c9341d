"""Closed answers: what agrees is returned without a judge."""

from __future__ import annotations

import pytest

from fusion_site.engine.asking import Outcome
from fusion_site.engine.events import VerdictStarted
from fusion_site.engine.results import AnswerKey, Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import first_shown, holding, judge_by, tasks
from tests.engine.recording import JUDGE, Recording, cast, record, settings
from tests.engine.scripted import fails, writes


def vote(*texts: str, mode: Mode = Mode.BEST_OF, judge: object = None) -> Recording:
    """Run a pool whose members write these texts in this order."""
    members = [
        tasks(answer=writes(text, 1 + n), challenge=writes("KEEP\nReason: I am sure"))
        for n, text in enumerate(texts)
    ]
    return record(
        settings(mode, members=len(texts), quorum=len(texts)),
        cast(*members, judge=judge or fails(), fallback=fails()),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("mode", Mode)
def test_what_all_agree_on_needs_no_judge(mode: Mode) -> None:
    told = vote("Long way.\n\nAnswer: 1,000", "Answer: 1000", r"\boxed{1000.0}", mode=mode)
    assert told.asker.calls_to(JUDGE) == []
    assert told.fused.source is Source.VOTE
    assert told.text == "Long way.\n\nAnswer: 1,000"
    assert told.fused.note == "3 of 3 agreed on 1000."
    assert told.verdict["winner"] == [0, 0]
    assert told.verdict["judge"] is None
    assert "agreed" in told.verdict["note"]
    assert "verified" not in told.verdict["note"] + told.fused.note


@pytest.mark.parametrize("mode", [Mode.BEST_OF, Mode.MERGE])
def test_a_plurality_is_enough(mode: Mode) -> None:
    told = vote("Answer: 1", "Answer: 2", "Well,\nAnswer: 2", "Answer: 3", mode=mode)
    assert told.fused.source is Source.VOTE
    assert told.text == "Answer: 2"
    assert told.fused.note == "2 of 4 agreed on 2."
    assert told.fused.answers == tuple(AnswerKey(0, n) for n in range(4))


def test_a_tie_is_judged_among_the_tied_alone() -> None:
    judge = judge_by(holding("two"))
    told = vote("Answer: 1", "Answer: 3", "I say two\nAnswer: 2", "one\nAnswer: 1", "Answer: 2", judge=judge)
    assert sorted(c["answer"] for c in told.verdict["candidates"]) == [[0, n] for n in (0, 2, 3, 4)]
    assert len(told.one(VerdictStarted).answers) == 5
    assert all("Answer: 3" not in call.prompt for call in told.asker.calls_to(JUDGE))
    assert told.fused.source is Source.BEST_OF
    assert told.text == "I say two\nAnswer: 2"


def test_all_different_values_are_judged_as_they_are() -> None:
    told = vote("Answer: 1", "Answer: 2", "Answer: 3", judge=judge_by(holding("Answer: 3")))
    assert len(told.one(VerdictStarted).answers) == 3
    assert told.text == "Answer: 3"


def test_one_answer_in_prose_and_nothing_is_counted() -> None:
    told = vote("Answer: 1", "Answer: 1", "It depends.", judge=judge_by(holding("depends")))
    assert told.fused.source is Source.BEST_OF
    assert told.text == "It depends."


def test_a_cut_answer_neither_votes_nor_stops_a_vote() -> None:
    cut = writes("Long and\nAnswer: 7", 1, outcome=Outcome.TRUNCATED)
    told = record(
        settings(Mode.MERGE, members=3, quorum=3), cast(cut, writes("Answer: 5", 2), writes("Answer: 5.0", 3))
    )
    assert told.fused.source is Source.VOTE
    assert told.fused.note == "2 of 2 agreed on 5."
    assert told.text == "Answer: 5"


def test_one_whole_answer_beside_a_cut_one_is_no_vote() -> None:
    cut = writes("Long and\nAnswer: 5", 1, outcome=Outcome.TRUNCATED)
    told = record(
        settings(Mode.MERGE, members=2),
        cast(cut, writes("Answer: 5", 2), judge=judge_by(first_shown, merged="Answer: five")),
    )
    assert told.fused.source is Source.MERGE
    assert len(told.one(VerdictStarted).answers) == 2


def test_a_debate_is_skipped_only_when_all_agree() -> None:
    told = vote("Answer: 1", "Answer: 1", "two\nAnswer: 2", mode=Mode.DEBATE, judge=judge_by(holding("two")))
    assert told.fused.source is Source.DEBATE
    assert len([call for call in told.asker.calls if "Task: challenge" in call.prompt]) == 3
