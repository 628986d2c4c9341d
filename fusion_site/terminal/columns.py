"""The members of a run side by side in a terminal, redrawn in place as they write."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Protocol
from unicodedata import category, combining, east_asian_width

NARROWEST = 18
TALLEST = 14
_BETWEEN = " │ "
_ABOVE = 6  # lines of the terminal that are left to what stands around the columns


class Screen(Protocol):
    """Where text is written as it is; `isatty` says whether a person sees it there."""

    def write(self, text: str, /) -> object:
        """Write this and nothing more."""

    def flush(self) -> object:
        """Have it seen now."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""


class Answer(Protocol):
    """What a column tells of an answer. `outcome` is empty while it is being written; `error` is as events tell it."""

    @property
    def label(self) -> str:
        """By which name the member is called."""

    @property
    def member(self) -> int:
        """Its place in the pool, from 0."""

    @property
    def round(self) -> int:
        """The debate round, from 0."""

    @property
    def text(self) -> str:
        """What has been written so far."""

    @property
    def outcome(self) -> str:
        """How it ended."""

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Why it failed."""


def harmless(text: str) -> str:
    """Give a model's text without what would steer a terminal: it comes from strangers."""
    return "".join(sign for sign in text if sign in "\n\t" or category(sign) not in {"Cc", "Cf", "Cs"})


def fits(count: int, width: int) -> bool:
    """Whether so many columns can be read in a terminal of this width."""
    return count > 0 and _width_of(count, width) >= NARROWEST


def side_by_side(answers: Sequence[Answer], width: int, height: int) -> list[str]:
    """Give the lines of one picture: under each label how it stands, then the last lines of its text."""
    each = _width_of(len(answers), width)
    columns = [
        [_cut(harmless(a.label), each), _cut(_standing(a), each), *_wrapped(harmless(a.text), each)[-height:]]
        for a in answers
    ]
    return [
        _BETWEEN.join(_filled(part, each) for part in row).rstrip()
        for row in zip_longest(*columns, fillvalue="")
    ]


class Picture:
    """Draws the columns on a terminal, each picture over the one before."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._drawn = 0

    def draw(self, answers: Sequence[Answer]) -> bool:
        """Show the answers as they are now; False, with nothing drawn, where the terminal is too narrow for them."""
        size = shutil.get_terminal_size(_size_beside())
        if not fits(len(answers), size.columns):
            return False
        lines = side_by_side(answers, size.columns, max(1, min(TALLEST, size.lines - _ABOVE)))
        back = f"\x1b[{self._drawn}F" if self._drawn else ""
        self._screen.write(back + "\x1b[J" + "".join(f"{line}\n" for line in lines))
        self._screen.flush()
        self._drawn = len(lines)
        return True

    def leave(self) -> None:
        """Let the last picture stand: what is drawn next stands below it."""
        self._drawn = 0


def _size_beside() -> tuple[int, int]:
    """Give the size of the terminal that standard error is on, for where standard output goes elsewhere."""
    try:
        return os.get_terminal_size(sys.__stderr__.fileno() if sys.__stderr__ else -1)
    except (OSError, ValueError):
        return 80, 24


def _width_of(count: int, width: int) -> int:
    return (width - 1 - len(_BETWEEN) * (count - 1)) // max(1, count)


def _standing(answer: Answer) -> str:
    if not answer.outcome:
        return f"writing, {len(answer.text)} characters" if answer.text else "waiting"
    return how_it_ended(answer)


def how_it_ended(answer: Answer) -> str:
    """Give in one line how an answer ended, and why or with how much."""
    told = answer.error["message"] if answer.error else f"{len(answer.text)} characters"
    # Where rules of the team forbade to ask, the member has not failed.
    outcome = "not asked" if answer.error and answer.error.get("asked") is False else answer.outcome
    return harmless(f"{outcome}, {told}").replace("\n", " ")


def _wrapped(text: str, width: int) -> list[str]:
    """Give the text in lines of at most `width` cells, broken where they are full: a picture is no place to read at length."""
    lines = []
    for line in text.expandtabs(4).split("\n"):
        rest = line
        while rest:
            piece = _cut(rest, width)
            lines.append(piece)
            rest = rest[len(piece) :]
        if not line:
            lines.append("")
    return lines


def _cut(text: str, width: int) -> str:
    taken = 0
    for place, sign in enumerate(text):
        taken += _cells(sign)
        if taken > width:
            return text[:place]
    return text


def _filled(text: str, width: int) -> str:
    return text + " " * (width - sum(map(_cells, text)))


def _cells(sign: str) -> int:
    if combining(sign):
        return 0
    return 2 if east_asian_width(sign) in "WF" else 1
