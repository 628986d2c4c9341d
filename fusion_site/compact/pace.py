"""How much prompt to read per step, so that running answers never stand still for long."""

from __future__ import annotations

SMALLEST = 32
SMALLEST_AHEAD = 8  # rows of one matrix tile: these cost little more than the one row of a writing answer
FIRST = 64
BUSY_SECONDS = 0.25
AHEAD_SECONDS = 0.1
ALONE_SECONDS = 1.0


class Pace:
    """Measures this machine's reading speed and sizes prompt slices by time.

    While others write, a slice takes about a quarter of a second; alone about one, which still
    bounds how long a cancelled or a new request waits.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._rate: float | None = None

    def budget(self, *, others_write: bool) -> int:
        """Prompt tokens for the next step."""
        if self._rate is None:
            return min(FIRST, self._largest)
        seconds = BUSY_SECONDS if others_write else ALONE_SECONDS
        return max(min(SMALLEST, self._largest), min(self._largest, int(self._rate * seconds)))

    def ahead(self, *, others_write: bool) -> int:
        """Prompt tokens for the next step of what nobody waits for yet: so few that no answer seems to slow down.

        With nobody writing, as many as let a request that comes meanwhile wait no longer than it would among others.
        """
        if not others_write:
            return self.budget(others_write=True)
        affordable = SMALLEST if self._rate is None else int(self._rate * AHEAD_SECONDS)
        return min(SMALLEST, self._largest, max(SMALLEST_AHEAD, affordable))

    def measured(self, tokens: int, seconds: float) -> None:
        """A step read `tokens` in `seconds`; steps with little prompt say nothing about reading and are ignored."""
        if tokens < SMALLEST or seconds <= 0:
            return
        rate = tokens / seconds
        self._rate = rate if self._rate is None else 0.7 * self._rate + 0.3 * rate
