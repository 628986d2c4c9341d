"""Bytes from tokens in, text out: whole characters only, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """One answer's text as it grows; `stopped` is True once a stop string was met.

    Text that could still turn into a stop string is held back until the next bytes decide.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.stopped = False
        self._stops = tuple(stops)
        self._held = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> str:
        """The text that is certain now, perhaps empty; after a stop string always empty."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(data)
        found = [at for at in (text.find(stop) for stop in self._stops) if at >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        safe = len(text) - self._suspect(text)
        self._held = text[safe:]
        return text[:safe]

    def finish(self) -> str:
        """What was held back, now that no more bytes come; half a character at the very end is dropped."""
        text, self._held = self._held, ""
        return text

    def _suspect(self, text: str) -> int:
        """Length of the longest end of `text` with which a stop string begins."""
        longest = max(map(len, self._stops), default=0) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if text.endswith(tuple(stop[:length] for stop in self._stops if len(stop) > length)):
                return length
        return 0
