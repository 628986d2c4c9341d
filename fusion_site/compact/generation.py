"""One answer in the making: what was asked, and the feed that carries its text to the door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from fusion_site.compact.failures import HostFailure
from fusion_site.compact.sampling import Sampler
from fusion_site.compact.textstream import TextStream


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended, with its tokens: in the prompt, of those already in memory, and written."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class News:
    """What happened to an answer since the last look: new text, a place in the queue from 1 (0: being written), its end."""

    text: str = ""
    place: int | None = None
    ending: Ending | None = None
    failure: HostFailure | None = None


class Feed:
    """Carries news to one reader on the event loop; a reader that lags finds it merged, so memory stays bounded."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._place: int | None = None
        self._ending: Ending | None = None
        self._failure: HostFailure | None = None
        self._arrived = asyncio.Event()

    def put(self, news: News) -> None:
        """Add news; on the event loop only."""
        if news.text:
            self._texts.append(news.text)
        self._place = news.place if news.place is not None else self._place
        self._ending = news.ending or self._ending
        self._failure = news.failure or self._failure
        self._arrived.set()

    async def next(self, patience: float) -> News:
        """All news since the last call, or empty news after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._arrived.wait()
        except TimeoutError:
            return News()
        news = News("".join(self._texts), self._place, self._ending, self._failure)
        self._texts, self._place = [], None
        self._arrived.clear()
        return news


class Post:
    """Brings news from the model thread to the feeds, waking the event loop once per step instead of once per token."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._letters: list[tuple[Feed, News]] = []

    def send(self, feed: Feed, news: News) -> None:
        """Leave news for `feed` until the next `flush`."""
        self._letters.append((feed, news))

    def flush(self) -> None:
        """Hand all news over."""
        if self._letters:
            letters, self._letters = self._letters, []
            self._loop.call_soon_threadsafe(_deliver, letters)

    def call(self, function: Callable[[], None]) -> None:
        """Run `function` on the event loop, after all news handed over so far."""
        self._loop.call_soon_threadsafe(function)


def _deliver(letters: list[tuple[Feed, News]]) -> None:
    for feed, news in letters:
        feed.put(news)


@dataclass(eq=False, slots=True)
class Generation:
    """One request for the scheduler: continue `prompt` by at most `limit` tokens (0: only read the prompt in).

    `party` names who asks: parties that wait are served in turn.
    """

    prompt: list[int]
    limit: int
    sampler: Sampler
    text: TextStream = field(default_factory=TextStream)
    party: str = ""
    feed: Feed = field(default_factory=Feed)
    cached: int = 0
    written: int = 0
    place: int | None = None

    @property
    def reads_ahead(self) -> bool:
        """Whether nothing is to be written: the prompt is only made ready for a later request that begins alike."""
        return self.limit == 0

    @property
    def reserve(self) -> int:
        """Tokens of memory this can come to need."""
        return len(self.prompt) + self.limit

    def ending(self, reason: Literal["stop", "length"]) -> Ending:
        """The end of this generation as it stands."""
        return Ending(reason, len(self.prompt), self.cached, self.written)
