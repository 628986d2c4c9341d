"""Two versions of a text beside each other, line by line, with the words that differ marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

# Above this many lines in a text, finding what belongs together would keep everybody else waiting.
MOST_LINES = 3000
# Longer lines are compared as a whole.
MOST_CHARS = 2000
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
            yield from (_row(a, b) for a, b in zip_longest(old[i:end_i], new[j:end_j]))


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
