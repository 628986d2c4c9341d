"""How many rows a decode had better have: some counts cost more than greater ones."""

from __future__ import annotations

from collections.abc import Callable

TILE = 4  # rows that the matrix kernels of CPUs take at once; what is left over they take one by one
MEASURED = 2 * TILE
WORTH_IT = 0.95  # a saving below this is within what a measurement is off


class Padding:
    """Which counts of rows to fill up with spare ones, by what this model took for 1 to 8 rows on this machine.

    Three rows, each taken alone, can cost half as much again as a tile of four. Beyond eight rows the pattern is
    taken to repeat tile by tile. Without measurements nothing is filled up.
    """

    def __init__(self, seconds: list[float] | None = None) -> None:
        self._spare = [_best_spare(seconds, rows) for rows in range(1, MEASURED + 1)] if seconds else []

    @classmethod
    def measured(cls, decode: Callable[[int], float], *, patience_s: float) -> Padding:
        """Learn from `decode`, which computes so many rows and gives its seconds; nothing where that took too long."""
        seconds: list[float] = []
        for rows in range(1, MEASURED + 1):
            seconds.append(min(decode(rows), decode(rows)))
            if sum(seconds) * 2 > patience_s:
                return cls()
        return cls(seconds)

    def spare(self, rows: int) -> int:
        """Rows to add to a decode of `rows`."""
        if not self._spare or rows < 1:
            return 0
        return self._spare[rows - 1 if rows <= MEASURED else TILE + (rows - 1) % TILE]


def whole_tiles(writing: int, budget: int) -> int:
    """`budget` rows of a prompt, or a few less, so that together with the writing ones no row is left over by a tile."""
    return max(budget - (writing + budget) % TILE, min(budget, TILE - writing % TILE))


def _best_spare(seconds: list[float], rows: int) -> int:
    """How many rows more, up to the end of the tile, cost least."""
    end = -(-rows // TILE) * TILE
    best = min(range(rows, end + 1), key=lambda count: seconds[count - 1])
    return best - rows if seconds[best - 1] < seconds[rows - 1] * WORTH_IT else 0
