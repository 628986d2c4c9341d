"""What the judge will be asked, read by its server while members still write, so that its first word comes sooner."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from fusion_site.engine.asking import Ask, Asker, Message
from fusion_site.engine.candidates import Candidate
from fusion_site.engine.clock import PassClock
from fusion_site.engine.judging import asked_over
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.settings import FusionSettings, Mode
from fusion_site.engine.window import Window


class ReadingAhead:
    """Sends what is known of the judge's question to a server that reads for nothing. Nothing waits for it.

    The question grows at its end alone if the answers stand in it as they arrived. That is a fair order only where a second
    pass sees the reverse; else, and where a debate may change the answers, they keep their shuffled order, and only what
    stands before them is read. No event tells of it: it costs nothing and changes no reply.
    """

    def __init__(self, settings: FusionSettings, asker: Asker, clock: PassClock) -> None:
        self._settings, self._asker, self._clock = settings, asker, clock
        is_debated = settings.mode is Mode.DEBATE and settings.debate_rounds > 0
        self._by_arrival = settings.judge.reads_ahead and settings.judge.swap_check and not is_debated
        self._arrived: list[AnswerKey] = []
        self._sent: tuple[Message, ...] = ()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        """Whether anything is to be read."""
        return self._settings.judge.reads_ahead and not self._is_closed

    def arrived(self, keys: Iterable[AnswerKey]) -> tuple[AnswerKey, ...]:
        """Give these in the order in which they arrived; nothing where the comparison is not in that order."""
        among = set(keys)
        return tuple(key for key in self._arrived if key in among) if self._by_arrival else ()

    def settle_on(self, arrived: Sequence[AnswerKey]) -> None:
        """Take it as known in which order an earlier attempt compared the answers: it has all been asked by now."""
        self.close()
        self._arrived, self._by_arrival = list(arrived), bool(arrived)

    def look(self, keys: Iterable[AnswerKey]) -> None:
        """Take in which answers are there; of those that came together, the first in the pool comes first."""
        self._arrived += sorted(key for key in keys if key not in self._arrived)

    def read(self, candidates: Sequence[Candidate], needs: tuple[str, ...]) -> None:
        """Have the beginning of the comparison read, up to these candidates, in place of what was being read."""
        judge = self._settings.judge
        shown = candidates if self._by_arrival else ()
        _, messages = asked_over(self._settings, shown, Window(judge.window), needs)
        if messages != self._sent:
            self._stop()
            self._sent = messages
            ask = Ask(judge.model, messages, deadline_s=max(0.1, self._clock.left_s))
            self._tasks.append(asyncio.create_task(self._asker.read_ahead(ask)))

    def close(self) -> None:
        """Have nothing more read: whatever is asked next must not wait for it."""
        self._is_closed = True
        self._stop()

    async def drop(self) -> None:
        """Have nothing more read, and wait until every connection is closed."""
        self.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
