"""What fits a judge's context length."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fusion_site.engine.asking import Message
from fusion_site.engine.candidates import size_of
from fusion_site.engine.sight import tokens_of

# Where the judge's own tokenizer is unknown: few bytes per token, so that a clipped prompt surely fits.
BYTES_PER_TOKEN = 3
# A judge whose context length is unknown is taken to have room for this many bytes of candidates.
AMPLE = 400_000
LEAST = 600


class Window:
    """A context length in tokens, shared by prompt and reply; None is unknown and taken as ample."""

    def __init__(self, tokens: int | None) -> None:
        self._tokens = tokens

    def room(self, fixed: Sequence[Message], reply_tokens: int) -> int:
        """Give the bytes that may be added to the `fixed` messages: a tenth and the reply's share stay free."""
        if self._tokens is None:
            return AMPLE
        tokens = self._tokens * 9 // 10 - self._share(reply_tokens)
        return max(LEAST, tokens * BYTES_PER_TOKEN - _size(fixed))

    def reply_tokens(self, messages: Sequence[Message], wanted: int) -> int:
        """Give how long the reply may be: some servers refuse a request whose limit goes beyond the window."""
        if self._tokens is None:
            return wanted
        return min(wanted, max(self._share(wanted), self._left(messages)))

    def fits(self, messages: Sequence[Message], reply_tokens: int) -> bool:
        """Whether the messages leave room for a reply."""
        return self._tokens is None or self._left(messages) >= self._share(reply_tokens)

    def _share(self, reply_tokens: int) -> int:
        return min(reply_tokens, (self._tokens or 0) // 5)

    def _left(self, messages: Sequence[Message]) -> int:
        return (self._tokens or 0) - math.ceil(_size(messages) / BYTES_PER_TOKEN)


def _size(messages: Sequence[Message]) -> int:
    texts = sum(size_of(message.content) for message in messages)
    return texts + sum(tokens_of(picture) for m in messages for picture in m.pictures) * BYTES_PER_TOKEN
