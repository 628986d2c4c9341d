"""What ends an answer from this side while a fusion runs: a person's stop, or the time being up."""

from __future__ import annotations

import asyncio

from fusion_site.engine.asking import AskError, ErrorKind, Outcome
from fusion_site.engine.events import AnswerKey

Ending = tuple[Outcome, AskError | None]

OUT_OF_TIME = AskError(
    ErrorKind.TIMEOUT, "It was not done when the time for answering was up.", retryable=True
)


class Control:
    """Ends single answers of one running fusion, also ones that have not begun yet."""

    def __init__(self) -> None:
        self._endings: dict[AnswerKey, Ending] = {}
        self._writing: dict[AnswerKey, asyncio.Task[None]] = {}

    def stop(self, key: AnswerKey) -> None:
        """End one answer as `cancelled`: its upstream connection is dropped and what was written stays."""
        self._end(key, (Outcome.CANCELLED, None))

    def give_up(self, key: AnswerKey) -> None:
        """End one answer as `error/timeout`; what was written stays."""
        self._end(key, (Outcome.ERROR, OUT_OF_TIME))

    def ending(self, key: AnswerKey) -> Ending | None:
        """How this answer was ended from this side, or None."""
        return self._endings.get(key)

    def watch(self, key: AnswerKey, task: asyncio.Task[None]) -> None:
        """Let an ending reach the task that reads this answer; one that was ended before it began ends at once."""
        self._writing[key] = task
        if key in self._endings:
            task.cancel()

    def forget(self, key: AnswerKey) -> None:
        """The answer is over; ending it changes nothing any more."""
        self._writing.pop(key, None)

    def _end(self, key: AnswerKey, ending: Ending) -> None:
        self._endings.setdefault(key, ending)
        if task := self._writing.get(key):
            task.cancel()
