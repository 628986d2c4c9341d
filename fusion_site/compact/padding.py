"""How many rows a decode had better have, and which spare ones to add: some counts cost more than greater ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

TILE = 4  # rows that the matrix kernels of CPUs take at once; what is left over they take one by one
MEASURED = 2 * TILE
ROUNDS = 4
REMEMBERED = 1000  # sets of busy sequences, which change only when an answer begins or ends
WORTH_IT = 0.95  # a saving below this is within what a measurement is off


class Padding:
    """Which counts of rows to fill up with spare ones, by what this model took for 1 to 8 rows on this machine.

    Three rows, each taken alone, can cost half as much again as a tile of four. Beyond eight rows the pattern is
    taken to repeat tile by tile. Without measurements nothing is filled up to a tile.
    """

    def __init__(self, seconds: Sequence[float] = ()) -> None:
        self._seconds = tuple(seconds)
        self._spare = [_best_spare(self._seconds, rows) for rows in range(1, len(self._seconds) + 1)]
        self.companions = lru_cache(REMEMBERED)(self._companions)

    @classmethod
    def measured(cls, decode: Callable[[int], float], *, patience_s: float, most: int = MEASURED) -> Padding:
        """Learn from `decode`, which computes so many rows, `most` at most, and gives its seconds; nothing where that took
        too long.

        Each count is measured in every round, and its best time counts: what else the machine does for a while meets all
        counts of one round, not all measurements of one count, by which the host would go as long as it lives.
        """
        seconds, spent = [math.inf] * most, 0.0
        for turn in range(ROUNDS):
            for rows in range(1, most + 1):
                took = decode(rows)
                seconds[rows - 1] = min(seconds[rows - 1], took)
                spent += took
                if turn == 0 and spent * 2 > patience_s:
                    return cls()
            if spent > patience_s:
                break
        return cls(seconds)

    def spare(self, rows: int) -> int:
        """Rows to add to a decode of `rows`."""
        measured = len(self._spare)
        if rows < 1 or measured < min(rows, TILE):
            return 0
        return self._spare[rows - 1 if rows <= measured else (rows - 1) % TILE - TILE]

    def _companions(self, busy: tuple[int, ...], sequences: int) -> tuple[int, ...]:
        """The sequences to add to a decode of one row for each of `busy`, which ascend, where there are so many `sequences`.

        For memory of its own per sequence: there, llama.cpp takes only neighbours in one go, and each further go reads
        all weights again. A hole between two neighbourhoods is filled where that costs less than the second go.
        """
        taken: set[int] = set()
        for start, end in self._goes(busy):
            wanted = end + 1 + self.spare(end + 1 - start)
            taken |= set(range(start, end + 1)) | (
                set(range(end + 1, wanted)) if wanted <= sequences else set()
            )
        return tuple(sorted(taken.difference(busy)))

    def _goes(self, busy: Sequence[int]) -> list[tuple[int, int]]:
        """The cheapest neighbourhoods, as first and last, that hold all of `busy`."""
        best: list[tuple[float, list[tuple[int, int]]]] = [(0.0, [])]
        for count, end in enumerate(busy, start=1):
            best.append(
                min(
                    (cost + self._cost(end + 1 - busy[before]), [*goes, (busy[before], end)])
                    for before, (cost, goes) in enumerate(best[:count])
                )
            )
        return best[-1][1]

    def _cost(self, rows: int) -> float:
        """What a go of so many rows takes, with what fills it up; in tiles where nothing was measured."""
        seconds, rows = self._seconds, rows + self.spare(rows)
        if not seconds:
            return -(-rows // TILE)
        if rows <= len(seconds):
            return seconds[rows - 1]
        further = -(-(rows - len(seconds)) // TILE)
        return seconds[rows - 1 - further * TILE] + further * seconds[TILE - 1]


def _best_spare(seconds: Sequence[float], rows: int) -> int:
    """How many rows more, up to the end of the tile, cost least."""
    end = min(-(-rows // TILE) * TILE, len(seconds))
    best = min(range(rows, end + 1), key=lambda count: seconds[count - 1])
    return best - rows if seconds[best - 1] < seconds[rows - 1] * WORTH_IT else 0
