"""How many rows a decode had better have, and which spare ones to add: some counts cost more than greater ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

TILE = 4  # rows that the matrix kernels of CPUs take at once; what is left over they take one by one
WIDE = 4 * TILE  # so many those take at once that know instructions for them (AVX-512)
MEASURED = (*range(1, 2 * TILE + 1), WIDE)
MOST_SPARE = WIDE  # more than is ever added
ROUNDS = 4
REMEMBERED = 1000  # sets of busy sequences, which change only when an answer begins or ends
# A row of a prompt goes beside written ones where it then costs at most this part of one among 16. In a slice, which the last
# matrices skip, it costs about 0.8 of that (6.0 and 7.6 ms on two cores with half a gigabyte of Q4_0), and the oldest prompt has
# to wait for it.
CHEAP = 0.6
WORTH_IT = 0.95  # a saving below this is within what a measurement is off


class Padding:
    """Which counts of rows to fill up with spare ones, by what this model took for 1 to 8 rows, and for 16, on this machine.

    Three rows, each taken alone, can cost half as much again as a tile of four, and 15 more than 16. Between and beyond, the
    pattern is taken to repeat tile by tile. Without measurements nothing is filled up to a tile.
    """

    def __init__(self, seconds: Mapping[int, float] | None = None) -> None:
        self._seconds = seconds or {}
        self.spare = lru_cache(REMEMBERED)(self._spare)
        self.companions = lru_cache(REMEMBERED)(self._companions)
        self.beside = lru_cache(REMEMBERED)(self._beside)

    @classmethod
    def measured(cls, decode: Callable[[int], float], *, patience_s: float, most: int = WIDE) -> Padding:
        """Learn from `decode`, which computes so many rows, `most` at most, and gives its seconds; nothing where that took
        too long.

        Each count is measured in every round, and its best time counts: what else the machine does for a while meets all
        counts of one round, not all measurements of one count, by which the host would go as long as it lives.
        """
        seconds, spent = {rows: math.inf for rows in MEASURED if rows <= most}, 0.0
        for turn in range(ROUNDS):
            for rows, best in seconds.items():
                took = decode(rows)
                seconds[rows] = min(best, took)
                spent += took
                if turn == 0 and spent * 2 > patience_s:
                    return cls()
            if spent > patience_s:
                break
        return cls(seconds)

    def _spare(self, rows: int) -> int:
        """Rows to add to a decode of `rows`."""
        if rows < 1 or TILE not in self._seconds:
            return 0
        most = max(self._seconds)
        if rows > most:
            size = WIDE if most == WIDE else TILE
            return self.spare(rows - -(-(rows - most) // size) * size)
        ends = [-(-rows // size) * size for size in (TILE, WIDE) if size in self._seconds]
        best = min([*range(rows, ends[0] + 1), *ends], key=self._plain_cost)
        return best - rows if self._plain_cost(best) < self._plain_cost(rows) * WORTH_IT else 0

    def _plain_cost(self, rows: int) -> float:
        """What a go of so many rows takes as it comes; in tiles where nothing was measured."""
        seconds = self._seconds
        if not seconds:
            return -(-rows // TILE)
        if rows in seconds or not rows:
            return seconds.get(rows, 0.0)
        if rows > WIDE and WIDE in seconds:
            return rows // WIDE * seconds[WIDE] + self._plain_cost(rows % WIDE)
        most = max(count for count in seconds if count < WIDE)
        further = -(-(rows - most) // TILE)
        return seconds[rows - further * TILE] + further * seconds[TILE]

    def _companions(self, busy: tuple[int, ...], sequences: int) -> tuple[int, ...]:
        """The sequences to add to a decode of one row for each of `busy`, which ascend, where there are so many `sequences`.

        For memory of its own per sequence: there, llama.cpp takes only neighbours in one go, and each further go reads
        all weights again. A hole between two neighbourhoods is filled where that costs less than the second go.
        """
        taken: set[int] = set()
        for start, end in self._goes(busy):
            rows = end + 1 - start
            rows += self.spare(rows) if rows + self.spare(rows) <= sequences else 0
            first = min(start, sequences - rows)
            taken |= set(range(first, first + rows))
        return tuple(sorted(taken.difference(busy)))

    def _beside(self, busy: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
        """Of the `others`, who had better have a row in the decode of the `busy` ones than one of 16 in a decode of their own.

        Both ascend. Nobody, where kernels that take 16 rows at once were not met; and never as many as 16, which would fill a tile
        of their own.
        """
        if not busy or WIDE not in self._seconds:
            return ()
        alone, row = self._goes_cost(busy), CHEAP * self._seconds[WIDE] / WIDE
        best, most_saved = 0, 0.0
        for count in range(1, min(len(others), WIDE - 1) + 1):
            saved = count * row - (self._goes_cost(tuple(sorted(busy + others[:count]))) - alone)
            if saved > most_saved:
                best, most_saved = count, saved
        return others[:best]

    def _goes_cost(self, busy: Sequence[int]) -> float:
        return sum(self._cost(end + 1 - start) for start, end in self._goes(busy))

    def _goes(self, busy: Sequence[int]) -> list[tuple[int, int]]:
        """The cheapest neighbourhoods, as first and last, that hold all of `busy`; no two that touch."""
        runs = _runs(busy)
        best: list[tuple[float, list[tuple[int, int]]]] = [(0.0, [])]
        for count, (_, end) in enumerate(runs, start=1):
            starts = [start for start, _ in runs[:count]]
            best.append(
                min(
                    (cost + self._cost(end + 1 - start), [*goes, (start, end)])
                    for start, (cost, goes) in zip(starts, best, strict=True)
                )
            )
        return best[-1][1]

    def _cost(self, rows: int) -> float:
        """What a go of so many rows takes, with what fills it up."""
        return self._plain_cost(rows + self.spare(rows))


def _runs(busy: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each row of neighbours among those `busy`, which llama.cpp takes in one go whatever that costs."""
    runs: list[tuple[int, int]] = []
    for sequence in busy:
        if runs and runs[-1][1] == sequence - 1:
            runs[-1] = runs[-1][0], sequence
        else:
            runs.append((sequence, sequence))
    return runs
