"""Reading one ask to its end: what has come of it, and how to drop it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from fusion_site.engine.asking import (
    Ask,
    AskAccepted,
    Asker,
    AskError,
    AskEvent,
    AskFinished,
    AskReasoning,
    AskResending,
    AskStarted,
    AskText,
    ErrorKind,
    Outcome,
)
from fusion_site.engine.results import AnswerResult

Settled = Callable[[], Awaitable[None]]

NO_ENDING = AskError(ErrorKind.PROTOCOL, "The model's stream ended without saying how.", retryable=True)


class Reply:
    """What has come of one ask so far."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._accepted = AskAccepted()
        self.ending: AskFinished | None = None

    def take(self, event: AskEvent) -> None:
        """Add one event of the ask."""
        if isinstance(event, AskText):
            self._text.append(event.text)
        elif isinstance(event, AskReasoning):
            self._reasoning.append(event.text)
        elif isinstance(event, AskAccepted):
            self._accepted = event
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
            generation_id=self._accepted.generation_id,
        )

    def cut(self, outcome: Outcome, error: AskError | None) -> AnswerResult:
        """Give the partial reply of an ask that was dropped from this side."""
        return AnswerResult(
            outcome=outcome,
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            error=error,
            served_model=self._accepted.served_model,
            provider=self._accepted.provider,
            generation_id=self._accepted.generation_id,
        )


class Reading:
    """Reads an ask in a task of its own, so that it is dropped once only and can close its connection in peace.

    Whatever was told before a request is `settled` before the request leaves.
    """

    def __init__(self, asker: Asker, ask: Ask, take: Callable[[AskEvent], None], settled: Settled) -> None:
        self._task = asyncio.create_task(_read(asker, ask, take, settled))
        self.was_dropped = False

    def drop(self) -> None:
        """Close the upstream connection, unless the ask is over or being closed already."""
        if not self.was_dropped and not self._task.done():
            self.was_dropped = True
            self._task.cancel()

    async def ended(self, at: float | None = None) -> None:
        """Wait until all is closed; at the time `at` of the loop's clock, or when cancelled, the ask is dropped.

        Cancelled once more, it waits no longer. Raises what `settled` raised, and what the asker raised, which its
        contract forbids.
        """
        timeout = None if at is None else at - asyncio.get_running_loop().time()
        try:
            await asyncio.wait([self._task], timeout=timeout)
            await self._dropped()
        except asyncio.CancelledError:
            await self._dropped()
            raise
        if not self._task.cancelled():
            self._task.result()

    async def _dropped(self) -> None:
        self.drop()
        await asyncio.wait([self._task])


async def _read(asker: Asker, ask: Ask, take: Callable[[AskEvent], None], settled: Settled) -> None:
    async with aclosing(asker.ask(ask)) as events:
        async for event in events:
            take(event)
            if isinstance(event, AskStarted | AskResending):
                await settled()
