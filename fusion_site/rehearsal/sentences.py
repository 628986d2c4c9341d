"""A text as the scripted judge reads it: its sentences, its marks of structure, the value it ends in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fusion_site.rehearsal.markup import LABEL
from fusion_site.rehearsal.reading import NUMBER, content_words

# Enough for any answer; a text of a thousand sentences is compared by its first hundred.
MOST_SENTENCES = 100
_LIST_MARK = re.compile(r"^\s*(?:[-*+>]|\d{1,3}[.)])\s+")
_SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?!\s|$)[^.!?]*)*[.!?]*")
_NO_PROSE = re.compile(r"\s*(?:#|\||```|~~~|\$\$|[-*_=]{3,}\s*$)")
_FINAL = re.compile(r"^\W*(?:final\s+)?answer\W+(\S.*?)\W*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, word for word as it stands in its text."""

    text: str
    words: frozenset[str]
    numbers: tuple[str, ...]

    @property
    def skeleton(self) -> str:
        """The sentence with every number left open: two that share it speak of the same thing."""
        return " ".join(NUMBER.sub("#", self.text.lower()).split())


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer as read. `final` is the value after `Answer:`, if it ends in one."""

    letter: str
    text: str
    sentences: tuple[Sentence, ...]
    words: frozenset[str]
    final: str

    @property
    def structure(self) -> float:
        """The share of headings, lists, tables and code that the text makes use of, from 0 to 1."""
        marks = (r"^#{1,6} ", r"^\s*(?:[-*+]|\d+[.)]) ", r"^\|.*\|", r"^```")
        return sum(bool(re.search(mark, self.text, re.MULTILINE)) for mark in marks) / len(marks)


def read_candidate(letter: str, text: str) -> Candidate:
    """Read one answer."""
    found = tuple(_sentences(text))[:MOST_SENTENCES]
    return Candidate(letter, text, found, content_words(text), final_answer(text))


def final_answer(text: str) -> str:
    """Give the value in the last line `Answer: …` of a text; empty if there is none."""
    found = _FINAL.findall(text)
    return found[-1] if found else ""


def similar(one: Sentence, other: Sentence) -> bool:
    """Whether two sentences say the same: the same numbers, and at least six tenths of their words."""
    if one.numbers != other.numbers:
        return False
    both = len(one.words & other.words)
    return both >= 2 and both >= 0.6 * len(one.words | other.words)


def prose_lines(text: str) -> Iterator[str]:
    """The lines of a text that are prose: no headings, tables, code, maths blocks or label."""
    fence = ""
    for line in text.splitlines():
        mark = line.strip()[:3]
        if fence:
            fence = "" if mark == fence else fence
        elif mark in ("```", "~~~"):
            fence = mark
        elif line.strip() and line.strip() != LABEL and not _NO_PROSE.match(line):
            yield line


def _sentences(text: str) -> Iterator[Sentence]:
    for line in prose_lines(text):
        for found in _SENTENCE.findall(_LIST_MARK.sub("", line, count=1)):
            said = found.strip()
            words = content_words(said)
            if len(words) >= 3 and "```" not in said:
                yield Sentence(said, words, tuple(sorted(NUMBER.findall(said))))
