"""Answers as a judge gets to see them: lettered in a shuffled order, and short enough."""

from __future__ import annotations

import random
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from fusion_site.engine.checks import Scored
from fusion_site.engine.results import AnswerKey

# Whose text stands under a letter where the judge compares what was merged with the best answer.
MERGED_KEY = AnswerKey(-1, -1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer in a comparison. `letter` is all that the judge learns of where it comes from.

    `reason` is why its author changed to it in a debate; `early` is what it was given when it came in.
    """

    key: AnswerKey
    text: str
    letter: str = "?"
    aspect: str = ""
    reason: str = ""
    truncated: bool = False
    clipped: bool = False
    early: Scored | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One candidate as a judge was shown it: under which letter, whose text, and whether it was shortened to fit."""

    letter: str
    key: AnswerKey
    clipped: bool = False


def shown_of(candidates: Sequence[Candidate]) -> tuple[Shown, ...]:
    """Give who stands under which letter, in the order in which a judge is shown them."""
    return tuple(Shown(c.letter, c.key, c.clipped) for c in candidates)


def lettered(
    candidates: Sequence[Candidate],
    seed: int,
    first: Collection[AnswerKey] = (),
    arrived: Sequence[AnswerKey] = (),
) -> list[Candidate]:
    """Give the candidates in an order that only `seed` decides, those in `first` first, lettered A, B, C… in that order.

    Those that have `arrived` keep the order in which they did: the judge's server has read them in that one.
    """
    order, places = list(candidates), {key: place for place, key in enumerate(arrived)}
    random.Random(seed).shuffle(order)  # noqa: S311 (a fair shuffle that can be repeated, no secret)
    order.sort(key=lambda each: (each.key not in first, places.get(each.key, len(places))))
    return [
        replace(candidate, letter=letter)
        for letter, candidate in zip(string.ascii_uppercase, order, strict=False)
    ]


def clipped(candidates: Sequence[Candidate], budget: int) -> list[Candidate]:
    """Give the candidates shortened to `budget` bytes of UTF-8 in all, by water-filling: short ones keep everything."""
    texts = shortened([candidate.text for candidate in candidates], budget)
    return [replace(c, text=text, clipped=text != c.text) for c, text in zip(candidates, texts, strict=True)]


def shortened(texts: Sequence[str], budget: int) -> list[str]:
    """Give the texts in `budget` bytes of UTF-8 in all: of those that are too long head and tail, with a mark between."""
    cap = _common_cap([size_of(text) for text in texts], budget)
    return [text if size_of(text) <= cap else _head_and_tail(text, cap) for text in texts]


def size_of(text: str) -> int:
    """Give the bytes of a text in UTF-8, which follow its tokens more closely than its characters do."""
    return len(text.encode("utf-8", "surrogatepass"))


def _common_cap(sizes: Sequence[int], budget: int) -> int:
    left = budget
    for done, size in enumerate(sorted(sizes)):
        cap = max(0, left) // (len(sizes) - done)
        if size > cap:
            return cap
        left -= size
    return max(sizes, default=0)


def _head_and_tail(text: str, cap: int) -> str:
    """Give two parts of the start and one of the end in `cap` bytes, with what is missing between them counted."""
    whole = text.encode("utf-8", "surrogatepass")
    room = max(0, cap - len(_omission(len(text))))
    head = whole[: room * 2 // 3].decode("utf-8", "ignore")
    tail = whole[len(whole) - room // 3 :].decode("utf-8", "ignore")
    return head + _omission(len(text) - len(head) - len(tail)) + tail


def _omission(characters: int) -> str:
    return f"\n[... {characters} characters omitted ...]\n"
