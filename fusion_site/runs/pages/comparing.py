"""Two texts beside each other, line by line, with the words that differ marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from rapidfuzz import fuzz

# Above this many lines in a text, finding what belongs together would keep everybody else waiting.
MOST_LINES = 3000
# Longer lines are compared as a whole.
MOST_CHARS = 2000
# Lines that are less alike than this, of 1, have nothing to do with each other: marking their words would only be noise.
LIKE = 0.45
# Where more pairs of lines than this might belong together, each goes with the one across from it.
MOST_PAIRS = 20_000
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line, and whether the other text has it too."""

    text: str
    is_other: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Two lines that belong together; None where only the other text has one."""

    before: tuple[Part, ...] | None
    after: tuple[Part, ...] | None

    @property
    def is_same(self) -> bool:
        """Whether both are the same."""
        return self.before == self.after


def compared(before: str, after: str) -> list[Row] | None:
    """Give both texts line by line; None where they are too long for that."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MOST_LINES:
        return None
    return list(_rows(old, new))


def _rows(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    for kind, i, end_i, j, end_j in SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            yield from (Row((Part(line),), (Part(line),)) for line in old[i:end_i])
        else:
            yield from (_row(a, b) for a, b in _paired(old[i:end_i], new[j:end_j]))


def _paired(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Give the lines that differ in their order, those beside each other that are most alike; others stand alone."""
    if len(old) == len(new) == 1 or len(old) * len(new) > MOST_PAIRS:
        yield from zip_longest(old, new)
        return
    alike = [[_likeness(a, b) for b in new] for a in old]
    best = _best_from(alike, len(old), len(new))
    i = j = 0
    while i < len(old) and j < len(new):
        if alike[i][j] and best[i][j] == alike[i][j] + best[i + 1][j + 1]:
            yield old[i], new[j]
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            yield old[i], None
            i += 1
        else:
            yield None, new[j]
            j += 1
    yield from ((line, None) for line in old[i:])
    yield from ((None, line) for line in new[j:])


def _best_from(alike: list[list[float]], rows: int, columns: int) -> list[list[float]]:
    """Give for each place how much can still be found alike from there on, with no pair crossing another."""
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], alike[i][j] + best[i + 1][j + 1])
    return best


def _likeness(before: str, after: str) -> float:
    """Give how alike two lines are, 0 to 1; 0 where that is too little to speak of."""
    if not before.strip() or not after.strip():
        return 0.0
    found = fuzz.ratio(before[:MOST_CHARS], after[:MOST_CHARS], score_cutoff=LIKE * 100)
    return found / 100


def _row(before: str | None, after: str | None) -> Row:
    if before is None or after is None or max(len(before), len(after)) > MOST_CHARS:
        return Row(_whole(before), _whole(after))
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return Row(
        tuple(Part("".join(old[i:end]), kind != "equal") for kind, i, end, _, _ in codes if end > i),
        tuple(Part("".join(new[j:end]), kind != "equal") for kind, _, _, j, end in codes if end > j),
    )


def _whole(line: str | None) -> tuple[Part, ...] | None:
    return None if line is None else (Part(line, is_other=True),)
