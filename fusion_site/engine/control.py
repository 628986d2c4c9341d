"""What ends an answer from this side while a fusion runs: a person's stop, the time being up, or the money."""

from __future__ import annotations

from collections.abc import Callable

from fusion_site.engine.asking import AskError, ErrorKind, Outcome
from fusion_site.engine.events import AnswerKey

Ending = tuple[Outcome, AskError | None]

OUT_OF_TIME = AskError(
    ErrorKind.TIMEOUT, "It was not done when the time for answering was up.", retryable=True
)
OUT_OF_MONEY = AskError(ErrorKind.BILLING, "It was not asked: the budget of this run is used up.")


class Control:
    """Ends single answers of one running fusion, also ones that have not begun yet. The first ending counts."""

    def __init__(self) -> None:
        self._endings: dict[AnswerKey, Ending] = {}
        self._drops: dict[AnswerKey, Callable[[], None]] = {}

    def stop(self, key: AnswerKey) -> None:
        """End one answer as `cancelled`: its upstream connection is dropped and what was written stays."""
        self._end(key, (Outcome.CANCELLED, None))

    def give_up(self, key: AnswerKey) -> None:
        """End one answer as `error/timeout`; what was written stays."""
        self._end(key, (Outcome.ERROR, OUT_OF_TIME))

    def refuse(self, key: AnswerKey) -> None:
        """End one answer as `error/billing`, so that it is not asked."""
        self._end(key, (Outcome.ERROR, OUT_OF_MONEY))

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
