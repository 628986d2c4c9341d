"""One answer from its first byte to its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from fusion_site.engine.asking import (
    Ask,
    Asker,
    AskError,
    AskEvent,
    AskFinished,
    AskQueued,
    AskReasoning,
    AskRetrying,
    AskStarted,
    AskText,
    ErrorKind,
    Outcome,
)
from fusion_site.engine.control import Control
from fusion_site.engine.events import (
    AnswerDelta,
    AnswerFinished,
    AnswerKey,
    AnswerQueued,
    AnswerReasoning,
    AnswerResult,
    AnswerRetrying,
    AnswerStarted,
    FusionEvent,
)

Emit = Callable[[FusionEvent], None]

NO_ENDING = AskError(ErrorKind.PROTOCOL, "The model's stream ended without saying how.", retryable=True)


class Reply:
    """What has come of one ask so far."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self.ending: AskFinished | None = None

    def take(self, event: AskEvent) -> None:
        """Add one event of the ask."""
        if isinstance(event, AskText):
            self._text.append(event.text)
        elif isinstance(event, AskReasoning):
            self._reasoning.append(event.text)
        elif isinstance(event, AskFinished):
            self.ending = event

    def result(self) -> AnswerResult:
        """Give the reply as it ended; a stream that never said how it ended is a protocol error."""
        if self.ending is None:
            return self.cut(Outcome.ERROR, NO_ENDING)
        end = self.ending
        return AnswerResult(
            outcome=end.outcome,
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            error=end.error,
            usage=end.usage,
            cost_usd=end.cost_usd,
            served_model=end.served_model,
            provider=end.provider,
            unconfirmed=end.unconfirmed,
            first_token_ms=end.first_token_ms,
            total_ms=end.total_ms,
        )

    def cut(self, outcome: Outcome, error: AskError | None) -> AnswerResult:
        """Give the partial reply of an ask that was dropped from this side."""
        return AnswerResult(
            outcome=outcome, text="".join(self._text), reasoning="".join(self._reasoning), error=error
        )


async def write_answer(key: AnswerKey, ask: Ask, asker: Asker, control: Control, emit: Emit) -> AnswerResult:
    """Ask for one answer and report all of it, to the outcome it came to or that `control` gave it.

    Being cancelled drops it without a word, for whoever takes over the run to start it again.
    """
    reply = Reply()
    reading = asyncio.create_task(_read(key, ask, asker, reply, emit))
    control.watch(key, reading)
    try:
        await reading
        result = reply.result()
    except asyncio.CancelledError:
        await _ended(reading)
        if (ending := control.ending(key)) is None:
            raise
        result = reply.result() if reply.ending else reply.cut(*ending)
    finally:
        control.forget(key)
    emit(AnswerFinished(key, result))
    return result


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _read(key: AnswerKey, ask: Ask, asker: Asker, reply: Reply, emit: Emit) -> None:
    async with aclosing(asker.ask(ask)) as events:
        async for event in events:
            reply.take(event)
            if (told := _told(key, event)) is not None:
                emit(told)


def _told(key: AnswerKey, event: AskEvent) -> FusionEvent | None:
    match event:
        case AskText(text):
            return AnswerDelta(key, text) if text else None
        case AskReasoning(text):
            return AnswerReasoning(key, text) if text else None
        case AskQueued(place):
            return AnswerQueued(key, place)
        case AskStarted():
            return AnswerStarted(key)
        case AskRetrying(after_s, error):
            return AnswerRetrying(key, after_s, error)
        case AskFinished():
            return None
