"""What comes from this side while a fusion runs: answers are ended by a person, the time or the money; a choice is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fusion_site.engine.asking import AskError, ErrorKind, Outcome
from fusion_site.engine.guidance import Guidance
from fusion_site.engine.results import AnswerKey

Ending = tuple[Outcome, AskError | None]

OUT_OF_TIME = AskError(
    ErrorKind.TIMEOUT, "It was not done when the time for answering was up.", retryable=True
)
OUT_OF_MONEY = AskError(
    ErrorKind.BILLING, "It was not asked: the budget of this run is used up.", asked=False
)


class Control:
    """Ends single answers of one running fusion, also ones that have not begun yet, and guides it. The first word counts."""

    def __init__(self) -> None:
        self._endings: dict[AnswerKey, Ending] = {}
        self._drops: dict[AnswerKey, Callable[[], None]] = {}
        self._guidance: Guidance | None = None
        self._was_guided = asyncio.Event()

    def stop(self, key: AnswerKey) -> None:
        """End one answer as `cancelled`: its upstream connection is dropped and what was written stays."""
        self._end(key, (Outcome.CANCELLED, None))

    def give_up(self, key: AnswerKey) -> None:
        """End one answer as `error/timeout`; what was written stays."""
        self._end(key, (Outcome.ERROR, OUT_OF_TIME))

    def refuse(self, key: AnswerKey) -> None:
        """End one answer as `error/billing`, so that it is not asked."""
        self._end(key, (Outcome.ERROR, OUT_OF_MONEY))

    def guide(self, guidance: Guidance) -> None:
        """Say what the reader wants kept and left out; where nobody waits for that, nothing comes of it."""
        self._guidance = self._guidance or guidance
        self._was_guided.set()

    async def guidance(self) -> Guidance:
        """Wait for what the reader wants."""
        await self._was_guided.wait()
        return self._guidance or Guidance()

    def ending(self, key: AnswerKey) -> Ending | None:
        """How this answer was ended from this side, or None."""
        return self._endings.get(key)

    def watch(self, key: AnswerKey, drop: Callable[[], None]) -> None:
        """Let an ending drop the ask for this answer; one that was ended before it began is dropped at once."""
        self._drops[key] = drop
        if key in self._endings:
            drop()

    def forget(self, key: AnswerKey) -> None:
        """The answer is over; ending it changes nothing any more."""
        self._drops.pop(key, None)

    def _end(self, key: AnswerKey, ending: Ending) -> None:
        self._endings.setdefault(key, ending)
        if drop := self._drops.get(key):
            drop()
