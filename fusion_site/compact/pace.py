"""How much prompt to read per step, so that running answers never stand still for long."""

from __future__ import annotations

SMALLEST = 8  # rows of two matrix tiles: these cost little more than the one row of a writing answer
MOST_AHEAD = 32
PAUSE_SECONDS = 0.5
AHEAD_SECONDS = 0.1
ALONE_SECONDS = 1.0
NEARLY = 0.9  # a tile is taken where so much of it fits: it costs less than its rows in a smaller slice


class Pace:
    """Measures this machine's speed and sizes prompt slices by time.

    While others write, a slice and the next token of every running answer take about half a second together; alone, a slice
    takes about one, which still bounds how long a cancelled or a new request waits. The rows of slices with a whole `tile`
    are reckoned apart, since they cost less.
    """

    def __init__(self, largest: int, rate: float, tile: int) -> None:
        """Begin with `rate`, in tokens a second, until prompts were read."""
        self._largest = largest
        self._tile = tile
        self._small_rate = self._tile_rate = rate
        self._writing_s = 0.0

    def budget(self, *, others_write: bool) -> int:
        """Prompt tokens for the next step."""
        seconds = self._beside_writing_s if others_write else ALONE_SECONDS
        in_tiles = self._tile_rate * seconds
        if in_tiles >= NEARLY * self._tile:
            return min(self._largest, max(self._tile, int(in_tiles)))
        return self._small(seconds, self._largest)

    def rest(self, spent_s: float) -> int:
        """Prompt tokens for the rest of a step beside others who write, of which `spent_s` went into reading."""
        return int(self._small_rate * (self._beside_writing_s - spent_s))

    def ahead(self, *, others_write: bool) -> int:
        """Prompt tokens for the next step of what nobody waits for yet: so few that no answer seems to slow down.

        With nobody writing, as many as let a request that comes meanwhile wait no longer than it would among others.
        """
        if not others_write:
            return self.budget(others_write=True)
        return self._small(AHEAD_SECONDS, min(MOST_AHEAD, self._largest))

    def measured(self, rows: int, read: int, seconds: float) -> None:
        """A decode of `rows` in `seconds` read `read` prompt tokens; one that mostly wrote says nothing about reading."""
        if read == 0:
            self._writing_s = seconds
        elif read >= SMALLEST and 2 * read >= rows and seconds > 0:
            self._learn(rows, rows / seconds)

    @property
    def _beside_writing_s(self) -> float:
        return max(PAUSE_SECONDS - self._writing_s, PAUSE_SECONDS / 2)

    def _learn(self, rows: int, rate: float) -> None:
        """Take a measurement in; a row in a tile is never taken to cost more than one in a smaller slice."""
        if rows >= self._tile:
            self._tile_rate = _nearer(self._tile_rate, rate)
            self._small_rate = min(self._small_rate, self._tile_rate)
        else:
            self._small_rate = _nearer(self._small_rate, rate)
            self._tile_rate = max(self._small_rate, self._tile_rate)

    def _small(self, seconds: float, most: int) -> int:
        return min(most, max(SMALLEST, int(self._small_rate * seconds)))


def _nearer(known: float, measured: float) -> float:
    return 0.7 * known + 0.3 * measured
