"""How much prompt to read per step, so that running answers never stand still for long."""

from __future__ import annotations

SMALLEST = 8  # rows of two matrix tiles: these cost little more than the one row of a writing answer
MOST_AHEAD = 32
BUSY_SECONDS = 0.35
AHEAD_SECONDS = 0.1
ALONE_SECONDS = 1.0


class Pace:
    """Measures this machine's reading speed and sizes prompt slices by time.

    While others write, a slice takes about a third of a second; alone about one, which still
    bounds how long a cancelled or a new request waits.
    """

    def __init__(self, largest: int, rate: float) -> None:
        """Begin with `rate`, in tokens a second, until prompts were read."""
        self._largest = largest
        self._rate = rate

    def budget(self, *, others_write: bool) -> int:
        """Prompt tokens for the next step."""
        seconds = BUSY_SECONDS if others_write else ALONE_SECONDS
        return self._at_least_smallest(int(self._rate * seconds), self._largest)

    def ahead(self, *, others_write: bool) -> int:
        """Prompt tokens for the next step of what nobody waits for yet: so few that no answer seems to slow down.

        With nobody writing, as many as let a request that comes meanwhile wait no longer than it would among others.
        """
        if not others_write:
            return self.budget(others_write=True)
        return self._at_least_smallest(int(self._rate * AHEAD_SECONDS), min(MOST_AHEAD, self._largest))

    def measured(self, rows: int, read: int, seconds: float) -> None:
        """A step of `rows` in `seconds` read `read` prompt tokens; one that mostly wrote says nothing about reading."""
        if read < SMALLEST or 2 * read < rows or seconds <= 0:
            return
        self._rate = 0.7 * self._rate + 0.3 * rows / seconds

    def _at_least_smallest(self, affordable: int, most: int) -> int:
        return min(most, max(SMALLEST, affordable))
