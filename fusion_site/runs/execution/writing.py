"""One answer while it is being written: where its text stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fusion_site.engine.asking import AskAccepted, AskError, Outcome
from fusion_site.engine.results import AnswerResult
from fusion_site.runs.execution.storing import Change
from fusion_site.runs.models import Answer


def updating(answer: str, **fields: Any) -> Change:
    """Give the change that sets fields of an answer's row."""
    return partial(Answer.objects.filter(pk=answer).update, **fields)


@dataclass
class Writing:
    """Keeps the text so far, for its offsets (in code points) and for an answer that is stopped in the middle."""

    id: str
    attempt: int
    is_open: bool
    accepted: AskAccepted = field(default_factory=AskAccepted)
    # How many attempts were settled before the answer was asked for again.
    paid_attempts: int = 0
    # Whether this process has begun an attempt; what stands here until then is an earlier attempt's.
    is_started: bool = False
    _text: list[str] = field(default_factory=list)
    _reasoning: list[str] = field(default_factory=list)
    _text_length: int = 0
    _reasoning_length: int = 0

    @classmethod
    def of(cls, row: Answer, text: str = "", reasoning: str = "") -> Writing:
        """Begin with an answer's row and what an earlier attempt wrote; without an outcome it will be asked again."""
        accepted = AskAccepted(row.generation_id or None, row.provider or None, row.served_model or None)
        writing = cls(
            row.pk, row.attempt, is_open=not row.outcome, accepted=accepted, paid_attempts=row.paid_attempts
        )
        writing.add_text(text)
        writing.add_reasoning(reasoning)
        return writing

    @property
    def unpaid(self) -> int:
        """How many attempts are not settled."""
        return self.attempt - self.paid_attempts

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    def start(self) -> None:
        """A new attempt begins: its text starts at 0."""
        self.attempt += 1
        self.is_started = True
        self.accepted = AskAccepted()
        self._text, self._reasoning = [], []
        self._text_length = self._reasoning_length = 0

    def add_text(self, text: str) -> int:
        """Add a piece of text; gives its offset."""
        offset = self._text_length
        self._text.append(text)
        self._text_length += len(text)
        return offset

    def add_reasoning(self, text: str) -> int:
        """Add a piece of reasoning; gives its offset."""
        offset = self._reasoning_length
        self._reasoning.append(text)
        self._reasoning_length += len(text)
        return offset

    def cut(self, outcome: Outcome, error: AskError | None) -> AnswerResult:
        """Give what there is as the result of an answer that ended from this side."""
        return AnswerResult(
            outcome,
            self.text,
            "".join(self._reasoning),
            error,
            generation_id=self.accepted.generation_id,
            provider=self.accepted.provider,
            served_model=self.accepted.served_model,
        )
