"""A markdown text that is still being written, as blocks that are sent once and one block that is still open."""

from __future__ import annotations

import re

from fusion_site.pages.markdown import Block, outline, plain, render

# Work on a text of n characters is bounded by these: looking for ends of blocks may read each character
# LOOKS times over, and an open block longer than EXACT is drawn again only when it has grown by an eighth.
LOOKS = 8
LOOKS_TO_START = 20_000
EXACT = 8_000
OPEN_AS_PLAIN = 32_000

_LIST_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_MARKS = frozenset("#>`~-*+_|:$\\=1")


class BlockStream:
    """Cuts a growing text into finished blocks of HTML.

    The blocks joined are `render` of the whole text (below its size limits), however the text was split when it
    was fed. Cuts are made only where the markdown parser itself sees a block end, and only after complete lines.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._partial: list[str] = []
        self._partial_size = 0
        self._held = ""
        self._last: Block | None = None
        self._fed = 0
        self._looked = 0
        self._drawn = ""
        self._drawn_size = 0
        self._ended = False

    def feed(self, delta: str) -> list[str]:
        """Take the next piece of text; returns the HTML of each block that it completed, in order."""
        if self._ended:
            raise RuntimeError("This text was closed.")
        first, *rest = self._whole_newlines(delta).split("\n")
        self._add_partial(first)
        closed: list[str] = []
        for piece in rest:
            closed += self._end_line()
            self._add_partial(piece)
        return closed

    def open_html(self) -> str:
        """The HTML of the block that is still being written; empty when there is none.

        Of a block of more than 8,000 characters it may lack the newest eighth, and one of more than 32,000 is
        shown as plain text until it is complete.
        """
        size = self._size + self._partial_size
        if not size:
            return ""
        grown = size - self._drawn_size
        if not self._drawn_size or grown >= (1 if size <= EXACT else size // 8):
            text = "".join([*self._lines, *self._partial])
            self._drawn = plain(text) if size > OPEN_AS_PLAIN else render(text)
            self._drawn_size = size
        return self._drawn

    def close(self) -> list[str]:
        """End the text; returns the HTML of the blocks that were still open."""
        if self._ended:
            return []
        self._ended = True
        closed = self._end_line() if self._held else []
        lines = [*self._lines, "".join(self._partial)]
        return closed + _drawn(outline(lines), lines, len(lines))

    def _whole_newlines(self, delta: str) -> str:
        """`delta` with CR LF and CR as LF; a last CR waits, for the LF that may follow it."""
        text = self._held + delta
        self._held = "\r" if text.endswith("\r") else ""
        return text[: len(text) - len(self._held)].replace("\r\n", "\n").replace("\r", "\n")

    def _add_partial(self, piece: str) -> None:
        if piece:
            self._partial.append(piece)
            self._partial_size += len(piece)

    def _end_line(self) -> list[str]:
        line = "".join(self._partial) + "\n"
        self._partial, self._partial_size = [], 0
        worth_a_look = self._last is None or _may_end(self._last, self._lines[-1], line)
        self._lines.append(line)
        self._size += len(line)
        self._fed += len(line)
        if not worth_a_look or self._looked + self._size > LOOKS * self._fed + LOOKS_TO_START:
            return []
        return self._look()

    def _look(self) -> list[str]:
        self._looked += self._size
        blocks = outline(self._lines)
        self._last = blocks[-1] if blocks else None
        if self._last is None or not self._last.open:
            end = self._last.after if self._last else len(self._lines)
            self._last = None
        else:
            end = blocks.pop().first
        closed = _drawn(blocks, self._lines, end)
        self._drop(end)
        return closed

    def _drop(self, end: int) -> None:
        if end:
            del self._lines[:end]
            self._size = sum(map(len, self._lines))
            self._drawn_size = 0


def _may_end(block: Block, before: str, line: str) -> bool:
    """A cheap guess whether `line`, after the line `before`, ends the open block.

    A wrong no delays a cut and a wrong yes costs a look; neither can make a cut wrong.
    """
    begins_anew = not before.strip() or _mark(line) in _MARKS
    if block.kind == "fence":
        return line.strip().startswith(block.marker)
    if block.kind == "code_block":
        return not line[0].isspace()
    if block.kind in ("bullet_list", "ordered_list"):
        return not line[0].isspace() and not _LIST_ITEM.match(line) and begins_anew
    return _mark(line) != _mark(before) and (begins_anew or not line.strip())


def _drawn(blocks: list[Block], lines: list[str], end: int) -> list[str]:
    """The HTML of `blocks`, the last of which ends before line `end`; those that show nothing are left out."""
    ends = [*(block.first for block in blocks[1:]), end]
    texts = ("".join(lines[block.first : after]) for block, after in zip(blocks, ends, strict=False))
    return [html for text in texts if (html := render(text))]


def _mark(line: str) -> str:
    """The first visible character of a line, digits as 1 and letters as a; empty for a blank line."""
    first = line.lstrip()[:1]
    return "1" if first.isdigit() else "a" if first.isalpha() else first
