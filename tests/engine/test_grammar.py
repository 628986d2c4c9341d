"""The checker that every stream is held against can fail: each rule is broken once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fusion_site.engine.asking import AskError, ErrorKind, Message, Outcome
from fusion_site.engine.candidates import Shown
from fusion_site.engine.events import (
    AnswerDelta,
    AnswerFinished,
    AnswerQueued,
    AnswerReasoning,
    AnswerRetrying,
    AnswerStarted,
    FusedDelta,
    FusedFinished,
    FusedStarted,
    FusionEvent,
    FusionFinished,
    Resume,
    StepFinished,
    StepRecalled,
    StepStarted,
    VerdictDelta,
    VerdictFinished,
    VerdictReading,
    VerdictStarted,
)
from fusion_site.engine.results import AnswerKey, AnswerResult, Source
from tests.engine.grammar import Ungrammatical, check

A, B = AnswerKey(0, 0), AnswerKey(0, 1)
DONE = AnswerResult(Outcome.COMPLETE, "text")
ASKED = (Message("user", "<<candidate x A>>\n<<candidate x B>>"),)
SHOWN = (Shown("A", A), Shown("B", B))
VERDICT = {"winner": [0, 0], "close_call": False, "candidates": [], "note": ""}


def answer(key: AnswerKey) -> list[FusionEvent]:
    """Write one whole answer."""
    return [
        AnswerQueued(key, 1),
        AnswerStarted(key),
        AnswerDelta(key, "te"),
        AnswerDelta(key, "xt"),
        AnswerFinished(key, DONE),
    ]


GOOD: list[FusionEvent] = [
    *answer(A),
    *answer(B),
    VerdictStarted((A, B)),
    VerdictReading(SHOWN),
    StepStarted("judge/0#1", "m", "c", ASKED, SHOWN),
    VerdictDelta("Because"),
    StepFinished("judge/0#1", DONE),
    VerdictFinished(VERDICT),
    StepStarted("merge/0#1", "m", "c", ASKED, SHOWN),
    FusedStarted(1, Source.MERGE, (A, B)),
    FusedDelta(1, "Half"),
    StepFinished("merge/0#1", DONE),
    FusedStarted(1, Source.BEST_OF, (A, B)),
    FusedDelta(1, "text"),
    FusedFinished(1),
    FusionFinished("done"),
]

Change = Callable[[list[FusionEvent]], None]


def without(kind: type[FusionEvent], number: int = 0) -> Change:
    """Leave an event out."""
    return lambda events: events.remove([e for e in events if isinstance(e, kind)][number])


def doubled(kind: type[FusionEvent]) -> Change:
    """Say an event twice."""
    return lambda events: events.insert(
        next(n for n, e in enumerate(events) if isinstance(e, kind)),
        next(e for e in events if isinstance(e, kind)),
    )


def swapped(first: type[FusionEvent], second: type[FusionEvent]) -> Change:
    """Exchange two events."""

    def change(events: list[FusionEvent]) -> None:
        one = next(n for n, e in enumerate(events) if isinstance(e, first))
        two = next(n for n, e in enumerate(events) if isinstance(e, second))
        events[one], events[two] = events[two], events[one]

    return change


def put(event: FusionEvent, at: int) -> Change:
    """Put an event in."""
    return lambda events: events.insert(at if at >= 0 else len(events) + at + 1, event)


FAULTS: dict[str, Change] = {
    "no end": without(FusionFinished),
    "two ends": doubled(FusionFinished),
    "something after the end": put(AnswerStarted(AnswerKey(0, 2)), -1),
    "an answer without an end": without(AnswerFinished),
    "an answer with two ends": doubled(AnswerFinished),
    "a delta before the start": swapped(AnswerStarted, AnswerDelta),
    "a delta after the end": put(AnswerDelta(A, "x"), 5),
    "a lost delta": without(AnswerDelta),
    "a delta twice": doubled(AnswerDelta),
    "an empty delta": put(AnswerDelta(A, ""), 3),
    "reasoning that the result lacks": put(AnswerReasoning(A, "hm"), 3),
    "queued while writing": put(AnswerQueued(A, 1), 3),
    "place 0": put(AnswerQueued(A, 0), 0),
    "retried after content": put(AnswerRetrying(A, 1.0, AskError(ErrorKind.NETWORK, "x")), 3),
    "an error without a reason": put(AnswerFinished(AnswerKey(0, 2), AnswerResult(Outcome.ERROR)), 0),
    "a step without an end": without(StepFinished),
    "a step without a start": without(StepStarted),
    "a step twice": doubled(StepStarted),
    "a judge outside the verdict": swapped(VerdictStarted, StepStarted),
    "a step that asks nothing": lambda events: events.__setitem__(12, StepStarted("judge/0#1", "m", "c")),
    "a step that does not show whom it names": lambda events: events.__setitem__(
        12, StepStarted("judge/0#1", "m", "c", ASKED, (Shown("C", A),))
    ),
    "a step recalled that was never made": put(StepRecalled("judge/0#1"), 12),
    "a judge that writes before it reads": without(VerdictReading),
    "a judge that reads outside the verdict": swapped(VerdictStarted, VerdictReading),
    "a judge that writes nothing": lambda events: events.__setitem__(13, VerdictDelta("")),
    "a verdict without an end": without(VerdictFinished),
    "a verdict without a start": without(VerdictStarted),
    "a verdict twice": doubled(VerdictFinished),
    "a verdict over one": lambda events: events.__setitem__(10, VerdictStarted((A,))),
    "a verdict that is no JSON": lambda events: events.__setitem__(
        15, VerdictFinished({**VERDICT, "x": float("nan")})
    ),
    "half a character in a verdict": lambda events: events.__setitem__(
        15, VerdictFinished({**VERDICT, "x": "\ud800"})
    ),
    "fused before the verdict": swapped(VerdictFinished, FusedStarted),
    "no fused answer": without(FusedFinished),
    "two fused answers": doubled(FusedFinished),
    "fused text outside": put(FusedDelta(1, "x"), 0),
    "fused text after its end": put(FusedDelta(1, "x"), -2),
    "an empty fused text": without(FusedDelta, 1),
    "a fused answer of nothing": lambda events: events.__setitem__(20, FusedStarted(1, Source.BEST_OF, ())),
    "made of what is not there": lambda events: events.__setitem__(
        20, FusedStarted(1, Source.BEST_OF, (AnswerKey(0, 5),))
    ),
    "used and late": lambda events: events.__setitem__(
        20, FusedStarted(1, Source.BEST_OF, (A, B), late=(B,))
    ),
    "an unknown state": lambda events: events.__setitem__(-1, FusionFinished("tired")),
    "failed without a reason": lambda events: events.__setitem__(-1, FusionFinished("failed")),
    "failed with a fused answer": lambda events: events.__setitem__(-1, FusionFinished("failed", "why")),
}


def test_a_good_stream_passes_at_any_length() -> None:
    check(GOOD)
    for length in range(len(GOOD)):
        check(GOOD[:length], is_whole=False)
        with pytest.raises(Ungrammatical):
            check(GOOD[:length])


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault: str) -> None:
    events = list(GOOD)
    FAULTS[fault](events)
    assert events != GOOD
    with pytest.raises((Ungrammatical, ValueError)):
        check(events)


@pytest.mark.parametrize(
    "resume",
    [Resume(answers={A: DONE}), Resume(steps={"merge/0#1": DONE}), Resume(steps={"judge/0#1": DONE})],
)
def test_what_was_finished_before_must_not_come_again(resume: Resume) -> None:
    with pytest.raises(Ungrammatical):
        check(GOOD, resume)
