"""A run as the command `fusion` sees it, moved on by the site's events. What it does not know changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FINAL = frozenset({"done", "failed", "cancelled"})


@dataclass
class SeenAnswer:
    """One answer, so far; `outcome` is empty while it is being written."""

    label: str
    member: int
    round: int
    text: str = ""
    outcome: str = ""
    error: Mapping[str, Any] | None = None


@dataclass
class SeenFused:
    """A version of the fused answer, so far."""

    version: int
    text: str = ""


@dataclass
class Seen:
    """One run; `seq` is the last event that it includes."""

    seq: int = 0
    state: str = "queued"
    answers: dict[str, SeenAnswer] = field(default_factory=dict)
    fused: SeenFused | None = None

    @property
    def is_over(self) -> bool:
        """Whether its first pass is."""
        return self.state in FINAL

    def apply(self, seq: int, kind: str, data: Mapping[str, Any]) -> None:
        """Move on by the next event."""
        self.seq = seq
        if kind == "snapshot":
            self._take(data["run"])
        elif kind == "run.accepted":
            self._add(data["answers"])
        elif kind == "answer.added":
            self._add([data])
        elif kind.startswith("answer.") and (answer := self.answers.get(data.get("answer", ""))):
            _move(answer, kind, data)
        elif kind == "fused.started":
            self.fused = SeenFused(data["version"])
        elif kind == "fused.delta" and self.fused and self.fused.version == data["version"]:
            self.fused.text = self.fused.text[: data["offset"]] + data["text"]
        elif kind == "run.finished":
            self.state = data["state"]

    def _take(self, run: Mapping[str, Any]) -> None:
        """Take the whole run as the API tells it, in place of events that are kept no longer."""
        self.state = run["state"]
        self.answers.clear()
        self._add(run["answers"])
        fused = run["fused"]
        self.fused = SeenFused(fused["version"], fused["text"]) if fused else None

    def _add(self, answers: list[Mapping[str, Any]]) -> None:
        for told in answers:
            # Events call `answer` what is `id` in a whole run.
            self.answers[told.get("answer") or told["id"]] = SeenAnswer(
                told["label"],
                told["member"],
                told["round"],
                told.get("text", ""),
                told.get("outcome") or "",
                told.get("error"),
            )


def _move(answer: SeenAnswer, kind: str, data: Mapping[str, Any]) -> None:
    if kind == "answer.started":
        answer.text, answer.outcome, answer.error = "", "", None
    elif kind == "answer.delta":
        answer.text = answer.text[: data["offset"]] + data["text"]
    elif kind == "answer.finished":
        answer.outcome, answer.error = data["outcome"], data["error"]
