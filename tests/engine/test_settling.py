"""Whatever a fusion has told is settled by its reader before a request leaves, and what cannot be settled is not asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from fusion_site.engine.asking import (
    Ask,
    AskError,
    AskEvent,
    AskFinished,
    AskResending,
    AskRetrying,
    AskStarted,
    AskText,
    ErrorKind,
    Outcome,
)
from fusion_site.engine.events import AnswerStarted, FusionEvent, StepStarted
from fusion_site.engine.fuse import fuse
from tests.engine import virtual_time
from tests.engine.judges import holding, judge_by
from tests.engine.recording import JUDGE, cast, settings
from tests.engine.scripted import Script, ScriptedAsker, writes

FLUSH_S = 0.25
LOST = AskRetrying(0.5, AskError(ErrorKind.NETWORK, "The connection broke.", retryable=True))


class TakenOver(Exception):
    """Somebody else works on the run."""


class Watched:
    """Passes asks on and notes when a request leaves: when what follows AskStarted or AskResending is asked for."""

    def __init__(self, asker: ScriptedAsker) -> None:
        self._asker = asker
        self.left: list[tuple[str, float]] = []

    async def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Stream what happens to `ask`."""
        async with aclosing(self._asker.ask(ask)) as events:
            async for event in events:
                yield event
                if isinstance(event, AskStarted | AskResending):
                    self.left.append((ask.model.model, asyncio.get_running_loop().time()))

    async def read_ahead(self, ask: Ask) -> None:
        """Pass it on."""
        await self._asker.read_ahead(ask)


def run(
    asker: Watched, settled: Callable[[list[FusionEvent]], Awaitable[None]], **more: Any
) -> list[FusionEvent]:
    """Run a fusion to its end in virtual time; `settled` gets all that was told until then."""
    told: list[FusionEvent] = []

    async def main() -> None:
        events = fuse(settings(**more), asker, settled=lambda: settled(told))
        async with aclosing(events):
            async for event in events:
                told.append(event)

    virtual_time.run(main())
    return told


async def a_flush(_: list[FusionEvent]) -> None:
    """Take as long as a flush."""
    await asyncio.sleep(FLUSH_S)


def test_no_request_leaves_before_its_attempt_is_settled() -> None:
    asker = Watched(cast(*(writes(f"{n} answers.") for n in range(3)), judge=judge_by(holding("1"))))
    seen: list[int] = []

    async def settled(told: list[FusionEvent]) -> None:
        begun = sum(isinstance(event, AnswerStarted | StepStarted) for event in told)
        await asyncio.sleep(FLUSH_S)
        seen.append(begun - len(asker.left))

    run(asker, settled)
    assert len(asker.left) >= 4
    assert min(seen) >= 1


def test_the_members_wait_for_one_flush_together() -> None:
    asker = Watched(cast(*(writes(f"{n} answers.") for n in range(3)), judge=judge_by(holding("1"))))
    run(asker, a_flush)
    assert [at for model, at in asker.left if model != JUDGE] == [FLUSH_S] * 3


def test_a_request_that_may_have_been_read_is_settled_as_an_attempt_of_its_own() -> None:
    again: Script = [AskStarted(), LOST, 0.5, AskResending(was_lost=True), AskText("0 answers.")]
    script: Script = [*again, AskFinished(Outcome.COMPLETE)]
    asker = Watched(cast(script, writes("1 answers."), writes("2 answers."), judge=judge_by(holding("1"))))
    told = run(asker, a_flush)
    starts = [event for event in told if isinstance(event, AnswerStarted) and event.key.member == 0]
    assert len(starts) == 2
    assert next(at for _, at in asker.left if at > FLUSH_S) == 2 * FLUSH_S + 0.5


def test_a_refused_request_that_is_sent_again_is_settled_and_no_new_attempt() -> None:
    again: Script = [AskStarted(), LOST, 0.5, AskResending(), AskText("0 answers.")]
    script: Script = [*again, AskFinished(Outcome.COMPLETE)]
    asker = Watched(cast(script, writes("1 answers."), writes("2 answers."), judge=judge_by(holding("1"))))
    settles: list[int] = []

    async def settled(told: list[FusionEvent]) -> None:
        settles.append(len(told))

    told = run(asker, settled)
    assert sum(isinstance(event, AnswerStarted) for event in told) == 3
    assert len(settles) == len(asker.left)


def test_a_lost_call_to_the_judge_begins_again() -> None:
    def judge(ask: Ask) -> Script:
        replied = judge_by(holding("1"))(ask)
        return [AskStarted(), LOST, AskResending(was_lost=True), *list(replied)[1:]]

    asker = Watched(cast(*(writes(f"{n} answers.") for n in range(3)), judge=judge))
    told = run(asker, a_flush)
    steps = [event.name for event in told if isinstance(event, StepStarted)]
    assert sorted(steps) == sorted([*set(steps)] * 2)


@pytest.mark.parametrize("after", [0, 3], ids=["members", "judge"])
def test_what_cannot_be_settled_is_not_asked_and_ends_the_run(after: int) -> None:
    asker = Watched(cast(*(writes(f"{n} answers.") for n in range(3)), judge=judge_by(holding("1"))))
    calls: list[int] = []

    async def settled(_: list[FusionEvent]) -> None:
        calls.append(1)
        if len(calls) > after:
            raise TakenOver

    with pytest.raises(TakenOver):
        run(asker, settled)
    assert len(asker.left) == after
