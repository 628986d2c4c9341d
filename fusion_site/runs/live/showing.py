"""One growing text as its readers see it: finished blocks of HTML, and the block that is still open."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.safestring import SafeString, mark_safe

from fusion_site.pages.blocks import BlockStream
from fusion_site.runs.parts import AnswerState


@dataclass
class ShownText:
    """Renders each block once, for everybody who watches.

    `place` is the id of the element in which a live page shows it. It goes with every few words, and so it is short.
    """

    place: str = ""
    version: int = 0
    blocks: list[SafeString] = field(default_factory=list)
    is_closed: bool = False
    _stream: BlockStream = field(default_factory=BlockStream)
    _fed: int = 0
    # The block that is still being written, and the same as it was before the last step: what stands on the pages.
    open_html: SafeString = field(default_factory=SafeString)
    was_open: SafeString = field(default_factory=SafeString)

    @classmethod
    def of(cls, answer: AnswerState | None) -> ShownText:
        """Give an empty one for an answer, or for the fused one."""
        return cls(f"text-{answer.round}-{answer.member}" if answer else "fused-body")

    def show(self, text: str, *, version: int, is_closed: bool) -> int | None:
        """Go on to `text`; gives how many blocks stood before, or None if it begins anew (another version)."""
        before: int | None = len(self.blocks)
        self.was_open = self.open_html
        if version != self.version or len(text) < self._fed or (self.is_closed and not is_closed):
            self.version, self.blocks, self.is_closed = version, [], False
            self._stream, self._fed, before = BlockStream(), 0, None
        if len(text) > self._fed:
            self.blocks += map(_safe, self._stream.feed(text[self._fed :]))
            self._fed = len(text)
        if is_closed and not self.is_closed:
            self.blocks += map(_safe, self._stream.close())
            self.is_closed = True
        self.open_html = _safe("" if self.is_closed else self._stream.open_html())
        return before


def _safe(html: str) -> SafeString:
    # Every block was sanitised by pages.markdown, as its last step.
    return mark_safe(html)  # noqa: S308
