"""What was looked up a moment ago, so that many who ask for the same within a moment do not all query for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

# More are not kept; what is dropped is looked up again.
MOST = 1000


class Recent(Generic[K, V]):
    """Looks things up, each at most every `for_s` seconds. A look-up that raises is not kept."""

    def __init__(self, look_up: Callable[[K], Awaitable[V]], for_s: float) -> None:
        self._look_up, self._for_s = look_up, for_s
        self._known: dict[K, tuple[float, V]] = {}

    async def get(self, key: K) -> V:
        """Give what was found, `for_s` seconds ago at most."""
        known = self._known.get(key)
        if known is not None and monotonic() - known[0] < self._for_s:
            return known[1]
        asked_at, found = monotonic(), await self._look_up(key)
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = asked_at, found
        return found
