"""The members of a run side by side in a terminal, redrawn in place as they write."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import zip_longest
from typing import TextIO
from unicodedata import category, combining, east_asian_width

from fusion_site.pages.words import was_not_asked
from fusion_site.runs.parts import AnswerState

NARROWEST = 18
TALLEST = 14
_BETWEEN = " │ "
_ABOVE = 6  # lines of the terminal that are left to what stands around the columns


def harmless(text: str) -> str:
    """Give a model's text without what would steer a terminal: it comes from strangers."""
    return "".join(sign for sign in text if sign in "\n\t" or category(sign) not in {"Cc", "Cf", "Cs"})


def fits(count: int, width: int) -> bool:
    """Whether so many columns can be read in a terminal of this width."""
    return count > 0 and _width_of(count, width) >= NARROWEST


def side_by_side(answers: Sequence[AnswerState], width: int, height: int) -> list[str]:
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

    def __init__(self, screen: TextIO) -> None:
        self._screen = screen
        self._drawn = 0

    def draw(self, answers: Sequence[AnswerState]) -> bool:
        """Show the answers as they are now; False, with nothing drawn, where the terminal is too narrow for them."""
        size = shutil.get_terminal_size()
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


def _width_of(count: int, width: int) -> int:
    return (width - 1 - len(_BETWEEN) * (count - 1)) // max(1, count)


def _standing(answer: AnswerState) -> str:
    if not answer.outcome:
        return f"writing, {len(answer.text)} characters" if answer.text else "waiting"
    told = harmless(answer.error["message"]) if answer.error else f"{len(answer.text)} characters"
    return f"{how_it_ended(answer)}, {told}".replace("\n", " ")


def how_it_ended(answer: AnswerState) -> str:
    """Give the outcome in a word or two, as a terminal shows it."""
    return "not asked" if was_not_asked(answer.error) else answer.outcome


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
