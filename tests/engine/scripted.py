"""An asker that plays scripts: per model what happens and when, with a log of every call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from decimal import Decimal

from fusion_site.engine.asking import (
    Ask,
    AskError,
    AskEvent,
    AskFinished,
    AskQueued,
    AskReasoning,
    AskStarted,
    AskText,
    ErrorKind,
    Outcome,
)


class Hang:
    """The model says nothing more, ever."""


# What happens in turn: a number is a wait in seconds, an exception is raised (which the contract forbids).
Step = float | AskEvent | Hang | Exception
Script = Sequence[Step]
Made = Callable[[Ask], Script]


@dataclass(frozen=True)
class InTurn:
    """Each call plays the next script; the last one again when there are no more."""

    parts: tuple[Script | Made, ...]

    def __init__(self, *parts: Script | Made) -> None:
        object.__setattr__(self, "parts", parts)


Part = Script | Made | InTurn
FOREVER = float("inf")
TIMED_OUT = AskFinished(
    Outcome.ERROR, AskError(ErrorKind.TIMEOUT, "The model was out of time.", retryable=True)
)


def writes(
    text: str,
    after: float = 1.0,
    *,
    outcome: Outcome = Outcome.COMPLETE,
    cost: str | None = None,
    reasoning: str = "",
    pieces: int = 2,
) -> Script:
    """Write `text` evenly over `after` seconds, in `pieces`."""
    size = max(1, -(-len(text) // pieces))
    parts = [text[at : at + size] for at in range(0, len(text), size)] or [""]
    steps: list[Step] = [AskStarted()]
    if reasoning:
        steps.append(AskReasoning(reasoning))
    for part in parts:
        steps += [after / len(parts), AskText(part)]
    return [*steps, AskFinished(outcome, cost_usd=None if cost is None else Decimal(cost))]


def fails(
    kind: ErrorKind = ErrorKind.SERVER, after: float = 1.0, text: str = "", cost: str | None = None
) -> Script:
    """Fail after a while, having written `text`."""
    error = AskError(kind, f"It failed: {kind.value}.")
    written: list[Step] = [AskText(text)] if text else []
    outcome = Outcome.INTERRUPTED if text else Outcome.ERROR
    return [AskStarted(), *written, after, AskFinished(outcome, error, cost_usd=_money(cost))]


def hangs(text: str = "") -> Script:
    """Write `text` and then nothing more."""
    return [AskStarted(), *([AskText(text)] if text else []), Hang()]


def stops_dead(text: str, after: float = 1.0) -> Script:
    """End the stream without an AskFinished, which the contract forbids."""
    return [AskStarted(), after, AskText(text)]


def queued(script: Script, waits: float, place: int = 1) -> Script:
    """Wait in the queue of the connection first."""
    return [AskQueued(place), waits, *script]


@dataclass
class Call:
    """One ask as it went. Times are virtual seconds; `closed_at` is set where it was dropped before its end."""

    ask: Ask
    at: float
    ended_at: float | None = None
    closed_at: float | None = None

    @property
    def model(self) -> str:
        """Give who was asked."""
        return self.ask.model.model

    @property
    def prompt(self) -> str:
        """Give all that the model was shown."""
        return "\n\n".join(message.content for message in self.ask.messages)

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.ended_at is None and self.closed_at is None


@dataclass
class ScriptedAsker:
    """Plays a script per model; `early` is what a judge says to the calls that nothing waits for.

    What is to be read ahead takes `reading_s`, and is kept in `reading`. Deadlines are kept as `providers` keeps them, from AskStarted on, unless `is_deaf`. `closing_s` is how long the
    connection takes to close when an ask is dropped.
    """

    scripts: Mapping[str, Part]
    early: Part = ()
    is_deaf: bool = False
    closing_s: float = 0.0
    calls: list[Call] = field(default_factory=list)
    reading: list[Call] = field(default_factory=list)
    reading_s: float = 0.0

    def calls_to(self, model: str) -> list[Call]:
        """Give the calls of one model, in order, but for those that nothing waits for."""
        return [call for call in self.calls if call.model == model and not is_early(call.ask)]

    @property
    def early_calls(self) -> list[Call]:
        """Give the calls that nothing waits for: what a right answer needs, and the scores of single answers."""
        return [call for call in self.calls if is_early(call.ask)]

    async def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Play the model's script."""
        clock = asyncio.get_running_loop().time
        script = self._script(ask)
        call = Call(ask, clock())
        self.calls.append(call)
        try:
            async with aclosing(self._play(ask, script)) as events:
                async for event in events:
                    if isinstance(event, AskFinished):
                        call.ended_at = clock()
                    yield event
            call.ended_at = clock()
        finally:
            if call.ended_at is None:
                await asyncio.sleep(self.closing_s)
                call.closed_at = clock()

    async def read_ahead(self, ask: Ask) -> None:
        """Take the time that reading takes."""
        clock = asyncio.get_running_loop().time
        call = Call(ask, clock())
        self.reading.append(call)
        try:
            await asyncio.sleep(self.reading_s)
            call.ended_at = clock()
        finally:
            if call.ended_at is None:
                call.closed_at = clock()

    def _script(self, ask: Ask) -> Script:
        part = self.early if is_early(ask) else self.scripts[ask.model.model]
        if isinstance(part, InTurn):
            made = self.early_calls if is_early(ask) else self.calls_to(ask.model.model)
            part = part.parts[min(len(made), len(part.parts) - 1)]
        return part(ask) if callable(part) else part

    async def _play(self, ask: Ask, script: Script) -> AsyncGenerator[AskEvent, None]:
        clock = asyncio.get_running_loop().time
        started, ends = clock(), FOREVER
        for step in script:
            if isinstance(step, float | int | Hang):
                wait = FOREVER if isinstance(step, Hang) else step
                if clock() + wait > ends:
                    await asyncio.sleep(ends - clock())
                    yield replace(TIMED_OUT, total_ms=round((clock() - started) * 1000))
                    return
                await (asyncio.sleep(wait) if wait < FOREVER else asyncio.Event().wait())
            elif isinstance(step, Exception):
                raise step
            elif isinstance(step, AskFinished):
                yield replace(step, total_ms=round((clock() - started) * 1000))
            else:
                if isinstance(step, AskStarted):
                    started = clock()
                    ends = FOREVER if self.is_deaf or ask.deadline_s is None else started + ask.deadline_s
                yield step


def is_early(ask: Ask) -> bool:
    """Whether this is one of the calls that a judge is asked while members still write."""
    return ask.messages[0].content.startswith(("Task: score one", "Task: say what"))


def _money(cost: str | None) -> Decimal | None:
    return None if cost is None else Decimal(cost)
