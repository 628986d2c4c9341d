"""Whether, when and with which parameters a request is sent again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from fusion_site.engine.asking import AskError, Outcome
from fusion_site.providers.attempt import Attempt
from fusion_site.providers.clocks import Watch
from fusion_site.providers.quirks import QuirkBook


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `sends` requests per ask; waits grow from `base_s` to `cap_s` seconds, with jitter."""

    sends: int = 3
    base_s: float = 0.5
    cap_s: float = 8.0

    def wait(self, sent: int, error: AskError) -> float | None:
        """Give the seconds until the next request after `sent` of them, or None if there is to be none.

        What the server asked for is never undercut; jitter on top keeps a pool from coming back as one.
        """
        if not error.retryable or sent >= self.sends:
            return None
        backoff = min(self.cap_s, self.base_s * float(2 ** (sent - 1))) * random.uniform(0.5, 1.0)  # noqa: S311
        if error.retry_after is None:
            return backoff
        return max(backoff, error.retry_after + self.base_s * random.random())  # noqa: S311


class Plan:
    """The course of one ask's requests; `quirks` are those of the next one. `key` is (origin, model)."""

    def __init__(self, retries: Retries, watch: Watch, book: QuirkBook, key: tuple[str, str]) -> None:
        self._retries = retries
        self._watch = watch
        self._book = book
        self._key = key
        self._sent = 0
        self.quirks = book.of(*key)

    def after(self, attempt: Attempt, payload: Mapping[str, object]) -> float | None:
        """Give the seconds until the next request, or None if `attempt` was the last one.

        A refused parameter is left out at once and counts as no failure; each can be left out only once.
        """
        ending = attempt.ending
        if ending.outcome is not Outcome.ERROR or ending.error is None:
            self._book.learn(*self._key, self.quirks)
            return None
        if changed := self.quirks.after(ending.error, attempt.refused, payload):
            self.quirks = changed
            return 0.0
        self._sent += 1
        if self._sent > attempt.resends:
            return None
        wait = self._retries.wait(self._sent, ending.error)
        return wait if wait is not None and self._watch.allows(wait) else None
