"""Ending things from this side: one member, or all by closing the stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fusion_site.engine.asking import Outcome
from fusion_site.engine.control import Control
from fusion_site.engine.events import (
    AnswerDelta,
    AnswerFinished,
    AnswerStarted,
    FusedDelta,
    FusionEvent,
    FusionFinished,
    StepStarted,
)
from fusion_site.engine.results import AnswerKey, Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import holding, judge_by, tasks
from tests.engine.recording import FALLBACK, JUDGE, cast, member, model, record, settings
from tests.engine.scripted import Part, Script, fails, hangs, queued, writes

JUDGED = judge_by(holding("One"))
ONE, TWO, THREE = "One answer.", "Two answers.", "Three answers."
ONE_WRITTEN = writes(ONE)


def stop(member: int, round: int = 0) -> Callable[[Control], None]:  # noqa: A002
    """Stop a member."""
    return lambda control: control.stop(AnswerKey(round, member))


def test_a_member_stopped_before_the_run_is_not_asked() -> None:
    control = Control()
    control.stop(AnswerKey(0, 1))
    told = record(settings(), cast(writes(ONE), writes(TWO), writes(THREE), judge=JUDGED), control=control)
    assert told.asker.calls_to(model(1)) == []
    assert told.result(1).outcome is Outcome.CANCELLED
    assert told.result(1).error is None
    assert [e.key.member for e in told.all(AnswerStarted)] == [0, 2]
    assert told.text == ONE


def test_a_queued_member_leaves_the_queue() -> None:
    told = record(
        settings(),
        cast(writes(ONE, 6), writes(TWO, 6), queued(writes(THREE), 50), judge=JUDGED),
        at={4.0: stop(2)},
    )
    (call,) = told.asker.calls_to(model(2))
    assert call.closed_at == 4.0
    assert told.ended_at(2) == 4.0
    assert told.result(2).outcome is Outcome.CANCELLED
    assert told.time_of(StepStarted) == 6.0


def test_a_member_stopped_in_the_middle_keeps_what_it_wrote() -> None:
    told = record(
        settings(),
        cast(writes(ONE, 6), writes(TWO, 6), writes("Half and half", 7, pieces=2), judge=JUDGED),
        at={4.0: stop(2)},
    )
    assert told.result(2).outcome is Outcome.CANCELLED
    assert told.result(2).text == "Half an"
    (call,) = told.asker.calls_to(model(2))
    assert call.closed_at == 4.0


def test_a_stopped_answer_is_not_used() -> None:
    told = record(
        settings(members=2),
        cast(writes(ONE, 2), hangs("Two and a half"), judge=JUDGED),
        at={4.0: stop(1)},
    )
    assert told.fused.source is Source.SINGLE
    assert told.time_of(FusionFinished) == 4.0


def test_stopping_every_member_fails_the_run() -> None:
    def stop_all(control: Control) -> None:
        for index in range(2):
            control.stop(AnswerKey(0, index))

    told = record(settings(members=2), cast(hangs("One"), hangs("Two")), at={3.0: stop_all})
    assert told.end.state == "failed"
    assert told.time_of(FusionFinished) == 3.0
    assert told.outcomes() == [Outcome.CANCELLED, Outcome.CANCELLED]


def test_a_late_member_can_be_stopped_after_the_fused_answer() -> None:
    told = record(
        settings(),
        cast(writes(ONE, 1), writes(TWO, 2), hangs("Thr"), judge=JUDGED),
        at={20.0: stop(2)},
    )
    assert told.result(2).outcome is Outcome.CANCELLED
    assert told.time_of(FusionFinished) == 20.0


def test_stopping_what_is_over_changes_nothing() -> None:
    told = record(
        settings(),
        cast(writes(ONE, 1), writes(TWO, 2), writes(THREE, 3), judge=JUDGED),
        at={2.5: stop(0)},
    )
    assert told.outcomes() == [Outcome.COMPLETE] * 3
    assert told.text == ONE


def test_stopping_twice_lets_the_connection_close_once_and_in_peace() -> None:
    told = record(
        settings(members=2),
        cast(writes(ONE, 2), hangs("Two"), judge=JUDGED, closing_s=1.0),
        at={4.0: stop(1), 4.5: stop(1)},
    )
    (call,) = told.asker.calls_to(model(1))
    assert call.closed_at == 5.0
    assert told.result(1).outcome is Outcome.CANCELLED


def test_a_challenge_can_be_stopped_and_the_first_answer_stands() -> None:
    talk = [tasks(answer=writes(text), challenge=hangs("CHANGE")) for text in (ONE, TWO)]
    told = record(
        settings(Mode.DEBATE, members=2),
        cast(*talk, judge=JUDGED),
        at={9.0: stop(0, round=1), 9.5: stop(1, round=1)},
    )
    assert told.result(0, 1).outcome is Outcome.CANCELLED
    assert told.text == ONE
    assert told.fused.answers == (AnswerKey(0, 0), AnswerKey(0, 1))


CLOSING: dict[str, Callable[[float, FusionEvent], bool]] = {
    "before anything came": lambda at, event: isinstance(event, AnswerStarted),
    "while members write": lambda at, event: isinstance(event, AnswerDelta) and at >= 2,
    "while a judge reads": lambda at, event: (
        isinstance(event, StepStarted) and event.name.startswith("judge/1")
    ),
    "while the merger writes": lambda at, event: isinstance(event, FusedDelta),
    "while late ones settle": lambda at, event: isinstance(event, AnswerFinished) and at > 20,
}


@pytest.mark.parametrize("moment", CLOSING)
def test_closing_the_stream_drops_every_ask_at_once(moment: str) -> None:
    told = record(
        settings(Mode.MERGE, members=5),
        cast(
            writes(ONE, 2),
            writes(TWO, 4),
            writes(THREE, 6),
            writes("Four.", 25),
            queued(writes("Five."), 90),
            judge=judge_by(holding("One"), after=2),
        ),
        close_when=CLOSING[moment],
    )
    closed = told.told[-1][0]
    assert CLOSING[moment](closed, told.events[-1])
    assert not told.all(FusionFinished)
    dropped = [call for call in told.asker.calls if call.ended_at is None]
    assert dropped
    assert {call.closed_at for call in dropped} == {closed}


def test_closing_the_stream_does_not_break_into_the_closing_of_a_stopped_member() -> None:
    told = record(
        settings(members=2, quorum=2),
        cast(writes(ONE, 8, pieces=1), hangs("Two"), closing_s=3.0),
        at={7.0: stop(1)},
        close_when=lambda at, event: at == 8.0,
    )
    assert told.asker.calls_to(model(1))[0].closed_at == 10.0


def test_closing_the_stream_does_not_break_into_the_closing_of_a_judge_out_of_time() -> None:
    told = record(
        settings(members=(member(0), member(1), member(2, deadline_s=60)), deadline_s=8, fallback=False),
        cast(
            writes(ONE, 1),
            writes(TWO, 2),
            writes(THREE, 9, pieces=1),
            judge=hangs(),
            closing_s=3.0,
            is_deaf=True,
        ),
        close_when=lambda at, event: at == 9.0,
    )
    assert [call.closed_at for call in told.asker.calls_to(JUDGE)] == [11.0, 11.0]


def test_closing_waits_until_the_connections_are_closed() -> None:
    told = record(
        settings(members=2),
        cast(hangs("One"), hangs("Two"), closing_s=3.0),
        close_when=lambda at, event: isinstance(event, AnswerDelta),
    )
    assert [call.closed_at for call in told.asker.calls] == [3.0, 3.0]


class TestBroken:
    """An asker that breaks its contract by raising is a fault of the program: loud, and nothing is left running."""

    def broken(self, *, one: Script = ONE_WRITTEN, late: Script | None = None, judge: Part = JUDGED) -> None:
        """Run with an asker of which a part raises."""
        self.asker = cast(one, writes(TWO), late or hangs(), judge=judge, fallback=fails())
        record(settings(), self.asker)

    def test_by_a_member(self) -> None:
        with pytest.raises(ZeroDivisionError):
            self.broken(one=[1.0, ZeroDivisionError()])
        assert not any(call.is_open for call in self.asker.calls)

    def test_by_a_late_member(self) -> None:
        with pytest.raises(ZeroDivisionError):
            self.broken(late=[9.0, ZeroDivisionError()])

    def test_by_the_judge(self) -> None:
        with pytest.raises(ZeroDivisionError):
            self.broken(judge=[1.0, ZeroDivisionError()])
        assert self.asker.calls_to(FALLBACK) == []
        assert len(self.asker.calls_to(JUDGE)) == 2

    def test_a_timeout_error_of_its_own_is_not_taken_for_the_deadline(self) -> None:
        with pytest.raises(TimeoutError):
            self.broken(judge=[1.0, TimeoutError()])
