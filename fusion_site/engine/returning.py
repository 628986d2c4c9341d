"""Giving the fused answer: where it comes from, its text piece by piece, its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fusion_site.engine.answering import Emit
from fusion_site.engine.events import FusedDelta, FusedFinished, FusedStarted
from fusion_site.engine.guidance import Guidance, heeded
from fusion_site.engine.positions import Position
from fusion_site.engine.results import AnswerKey, Source

# A text that is there as a whole is still sent in pieces of this many characters.
PIECE = 2000
CUT_SHORT = "This answer was cut off by its length limit."


class FusedAnswer:
    """Reports the fused answer of one pass. Beginning it again starts its text again at its first character."""

    def __init__(self, emit: Emit, late: Callable[[], tuple[AnswerKey, ...]], version: int) -> None:
        self._emit, self._late, self._version = emit, late, version
        self._guidance: Guidance | None = None
        self._text: list[str] = []

    def guided_by(self, guidance: Guidance | None) -> None:
        """Say with the answer what the reader chose, and at its end whether it heeds that."""
        self._guidance = guidance

    def begin(self, source: Source, answers: Iterable[AnswerKey], note: str = "") -> None:
        """Say where the text comes from that is about to begin."""
        self._text = []
        self._emit(FusedStarted(self._version, source, tuple(answers), self._late(), note, self._guidance))

    def write(self, text: str) -> None:
        """Add the next part of the text."""
        self._text.append(text)
        for start in range(0, len(text), PIECE):
            self._emit(FusedDelta(self._version, text[start : start + PIECE]))

    def finish(self) -> None:
        """Say that the text is whole."""
        wished = self._guidance or None
        self._emit(FusedFinished(self._version, wished and heeded(wished, "".join(self._text))))

    def verbatim(
        self, source: Source, position: Position, answers: Iterable[AnswerKey], note: str = ""
    ) -> None:
        """Give one position's text word for word."""
        if position.truncated:
            note = f"{note} {CUT_SHORT}".strip()
        self.begin(source, answers, note)
        self.write(position.text)
        self.finish()
