"""Markdown text cut into its sentences, and a sentence into its clauses, each by its place in the text as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

# Longer ones are cut: what a text without any end of a sentence costs to compare must not grow with its square.
LONGEST = 600

_LINE = re.compile(r"[^\n]*\n?")
# What stands before the words of a line: quote marks, list marks with or without a box to tick, heading marks.
_LEAD = re.compile(r"(?:[ \t]+|>|(?:[-*+]|\d{1,9}[.)]|#{1,6})(?=\s)(?:[ \t]+\[[ xX]\](?=\s))?)*")
_FENCE = re.compile(r"`{3,}|~{3,}")
_MATHS = {"$$": "$$", "\\[": "\\]"}
_SAID = re.compile(r"[^\W_]")

# The end of a sentence, with whatever closes behind it; only scripts that write no space after it do without one.
# Inline code is passed over as a whole.
_END = re.compile(
    r"(?P<code>`[^`\n]{1,200}`)"
    r"|[.!?…؟۔।॥։።]+[\"'”’»›)\]*_]{0,8}(?=\s)|[。！？｡．]+[\"'”’»›)\]*_」』）】]{0,8}"
)
# Words before a full stop that ends no sentence; nor does one after a single letter, or before a small letter.
_SHORTENED = (
    "e.g i.e cf vs al approx ca ed eds mr mrs ms dr prof st jr sr inc ltd co dept jan feb mar apr jun jul aug sep sept oct "
    "nov dec z.b d.h u.a bzw usw bd vgl str mio mrd p.ex env av sra"
)
# The same, but only before a number.
_NUMBERED = "no nos nr fig figs eq sec ch pp vol abb art kap"
_BEFORE_STOP = re.compile(r"(?:^|[\s(\[\"'“‘*_])([^\s(\[\"'“‘*_]{1,8})\.[\"'”’»)\]*_]{0,8}$")
_CLAUSE_END = re.compile(r"[,;:](?=\s)|[、，；：]|\s[-–—]{1,3}(?=\s)|—|\s(?=\()|\)(?=\s)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence from `offset` up to `end`, in code points. A block of code or of maths is one as a whole: `is_code`.

    A heading is a sentence, too, and so is a row of a table.
    """

    offset: int
    end: int
    is_code: bool = False

    def of(self, text: str) -> str:
        """Give the words themselves."""
        return text[self.offset : self.end]


def sentences(text: str) -> list[Sentence]:
    """Give the sentences of a markdown text in order; between them stands nothing that says anything."""
    return [sentence for block in _Blocks(text).all() for sentence in _split(text, block)]


def clauses(text: str, sentence: Sentence) -> list[Sentence]:
    """Give the parts of a sentence between its commas, colons, dashes and brackets; code is one part."""
    if sentence.is_code:
        return [sentence]
    ends = (m.end() for m in _CLAUSE_END.finditer(text, sentence.offset, sentence.end))
    return list(_pieces(text, sentence.offset, ends, sentence.end))


class _Blocks:
    """Reads a text line by line: paragraphs, headings, list items, rows of tables, and blocks of code and maths."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start: int | None = None
        self._end = 0
        self._closer = ""

    def all(self) -> Iterator[Sentence]:
        """Give the blocks, of which those of code are not to be split."""
        for line in _LINE.finditer(self._text):
            if self._closer:
                yield from self._code_line(line)
            elif self._start is not None or not line[0].isspace():
                yield from self._line(line)
        yield from self._closed(is_code=bool(self._closer))

    def _line(self, line: re.Match[str]) -> Iterator[Sentence]:
        lead = _LEAD.match(self._text, line.start(), line.end())
        at = lead.end() if lead else line.start()
        marks, words = self._text[line.start() : at], self._text[at : line.end()].strip()
        if closer := _closer_of(words):
            yield from self._closed()
            is_fence = closer not in _MATHS.values()
            self._start, self._end = (line.end() if is_fence else line.start()), line.end()
            self._closer = closer
            if not is_fence and len(words) > 2 and words.endswith(closer):
                yield from self._closed(is_code=True)
            return
        stands_alone = "#" in marks or words.startswith("|") or " | " in words or not _SAID.search(words)
        if stands_alone or marks.strip(" \t>"):
            yield from self._closed()
        self._start, self._end = (at if self._start is None else self._start), line.end()
        if stands_alone:
            yield from self._closed()

    def _code_line(self, line: re.Match[str]) -> Iterator[Sentence]:
        words = line[0].strip().lstrip("> \t")
        if self._closer in _MATHS.values():
            self._end = line.end()
            if words.endswith(self._closer):
                yield from self._closed(is_code=True)
        elif words.startswith(self._closer) and not words.strip(self._closer[0]):
            yield from self._closed(is_code=True)
        else:
            self._end = line.end()

    def _closed(self, *, is_code: bool = False) -> Iterator[Sentence]:
        start, self._start, self._closer = self._start, None, ""
        if start is not None:
            yield from _said(self._text, start, self._end, is_code=is_code)


def _closer_of(words: str) -> str:
    """Give what ends the block that a line opens, if it opens one of code or maths."""
    fence = _FENCE.match(words)
    if fence and (fence[0][0] == "~" or "`" not in words[fence.end() :]):
        return fence[0]
    return _MATHS.get(words[:2], "")


def _split(text: str, block: Sentence) -> Iterator[Sentence]:
    if block.is_code:
        yield block
        return
    marks = _END.finditer(text, block.offset, block.end)
    ends = (m.end() for m in marks if not m["code"] and _ends(text, block, m))
    yield from _pieces(text, block.offset, ends, block.end)


def _ends(text: str, block: Sentence, mark: re.Match[str]) -> bool:
    """Whether a mark that may end a sentence does."""
    following = text[mark.end() : mark.end() + 3].strip()[:1]
    if mark[0][0] not in ".!?…":
        return True
    if following.islower() and mark.end() < block.end:
        return False
    if mark[0][0] != ".":
        return True
    before = _BEFORE_STOP.search(text[max(block.offset, mark.start() - 12) : mark.end()])
    word = before[1].casefold() if before else ""
    is_short = word in _SHORTENED.split() or (word in _NUMBERED.split() and following.isdigit())
    return not (is_short or (len(word) == 1 and word.isalpha()))


def _pieces(text: str, start: int, ends: Iterable[int], last: int) -> Iterator[Sentence]:
    """Give what stands between these places, as far as it says something, in pieces that are not too long."""
    for begin, end in pairwise([start, *ends, last]):
        while end - begin > LONGEST:
            space = max(text.rfind(" ", begin, begin + LONGEST), text.rfind("\n", begin, begin + LONGEST))
            cut = space if space > begin else begin + LONGEST
            yield from _said(text, begin, cut)
            begin = cut
        yield from _said(text, begin, end)


def _said(text: str, start: int, end: int, *, is_code: bool = False) -> Iterator[Sentence]:
    """Give the place without white space around it, if anything is said there."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if (is_code and start < end) or _SAID.search(text, start, end):
        yield Sentence(start, end, is_code)
