"""What the judge will be asked is read while members still write, and only its end is new when the last answer is in."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import pytest

from fusion_site.engine.asking import Ask
from fusion_site.engine.events import VerdictStarted
from fusion_site.engine.settings import Mode
from tests.engine.judges import candidates_in, fences_in, holding, judge_by, scores_by, task_of
from tests.engine.recording import JUDGE, Recording, cast, record, settings
from tests.engine.scripted import fails, writes

# Told apart by number, and come in the order 3, 1, 4, 2: neither that of the pool nor, by this seed, the shuffled one.
TIMES = (4.0, 8.0, 2.0, 6.0)
GOOD, POOR = [True] * 4, [False] * 4


def told(mode: Mode = Mode.MERGE, *, reads_ahead: bool = True, **more: Any) -> Recording:
    """Run four members whose judge's server reads ahead, unless told."""
    judge = {"reads_ahead": reads_ahead, **more.pop("judge", {})}
    early = more.pop("early", fails(after=0.1))
    reading_s = more.pop("reading_s", 0.0)
    return record(
        settings(mode, members=4, quorum=4, judge=judge, **more),
        cast(
            *(writes(f"Answer number {n}.", after) for n, after in enumerate(TIMES, start=1)),
            judge=judge_by(holding("number 1")),
            early=early,
            reading_s=reading_s,
        ),
    )


def numbers(ask: Ask) -> str:
    """Give the numbers of the answers that an ask shows, in its order."""
    return "".join(text[len("Answer number ")] for text in candidates_in(ask).values())


def compared(recording: Recording) -> list[Ask]:
    """Give the two asks for a comparison."""
    return [call.ask for call in recording.asker.calls_to(JUDGE) if task_of(call.ask) == "judge"]


def common(one: Ask, other: Ask) -> str:
    """Give what two asks have in common from their beginning."""
    first, second = ("".join(message.content for message in ask.messages) for ask in (one, other))
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return "".join(letter for letter, _ in same)


class TestWhat:
    """As much is read as is known of the comparison."""

    def test_each_answer_is_read_behind_those_before_it_as_it_arrives(self) -> None:
        run = told(Mode.DEBATE, debate_rounds=0)
        assert [(call.at, numbers(call.ask)) for call in run.asker.reading] == [
            (0.0, ""),
            (2.0, "3"),
            (4.0, "31"),
            (6.0, "314"),
        ]
        assert {call.model for call in run.asker.reading} == {JUDGE}

    def test_when_the_last_is_in_only_it_is_new_to_the_judge(self) -> None:
        run = told(Mode.DEBATE, debate_rounds=0)
        forward, reverse = compared(run)
        assert (numbers(forward), numbers(reverse)) == ("3142", "2413")
        assert "<<candidate" in (rest := common(run.asker.reading[-1].ask, forward))
        assert "number 4" in rest
        assert "number" not in common(run.asker.reading[-1].ask, reverse)

    def test_what_a_right_answer_needs_is_read_once_it_is_known(self) -> None:
        run = told(Mode.BEST_OF, early=scores_by({}, after=1.0))
        needs = ["needs" if fences_in(call.ask, "needs") else "" for call in run.asker.reading]
        assert [(call.at, need) for call, need in zip(run.asker.reading, needs, strict=True)][:3] == [
            (0.0, ""),
            (2.0, ""),
            (3.0, "needs"),
        ]
        assert set(needs[2:]) == {"needs"}

    def test_of_scored_answers_only_those_are_read_that_would_be_compared(self) -> None:
        marks = {"number 3": POOR, "number 1": GOOD, "number 4": POOR}
        run = told(Mode.BEST_OF, early=scores_by(marks, needs="No list."))
        assert numbers(run.asker.reading[-1].ask) == "1"
        assert {numbers(ask) for ask in compared(run)} == {"12", "21"}
        assert "number 1" in common(run.asker.reading[-1].ask, compared(run)[0])

    @pytest.mark.parametrize(
        "more", [{"judge": {"swap_check": False}}, {"mode": Mode.DEBATE, "debate_rounds": 1}]
    )
    def test_without_a_reverse_order_and_before_a_debate_only_the_beginning_is_read(
        self, more: dict[str, Any]
    ) -> None:
        run = told(**more)
        assert [numbers(call.ask) for call in run.asker.reading] == [""]
        assert run.one(VerdictStarted).arrived == ()


class TestHow:
    """Nothing waits for it, and nothing of it is left."""

    def test_it_is_dropped_when_the_last_answer_is_in(self) -> None:
        run, without = told(reading_s=50.0), told(reads_ahead=False)
        assert [call.closed_at for call in run.asker.reading] == [2.0, 4.0, 6.0, 8.0]
        assert [at for at, _ in run.told] == [at for at, _ in without.told]

    def test_the_reply_of_another_server_changes_nothing(self) -> None:
        run = told(reads_ahead=False)
        assert run.asker.reading == []
        assert run.one(VerdictStarted).arrived == ()
        assert numbers(compared(run)[0]) != "3142"

    def test_it_goes_with_zero_retention(self) -> None:
        run = told(zero_retention=True)
        assert all(call.ask.zero_retention for call in run.asker.reading)
