"""A run as a terminal shows it: the members while they write, then the fused answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fusion_site.terminal.columns import Answer, Picture, Screen, harmless, how_it_ended


class Run(Protocol):
    """What is shown of a run."""

    @property
    def answers(self) -> Mapping[str, Answer]:
        """Its answers, by their ids."""

    @property
    def fused(self) -> object | None:
        """The fused answer, as soon as one is being written."""


class Showing:
    """Shows one run: progress on `err`, the fused answer on `out`, or only progress where that `is_plain`.

    A person sees the fused answer while it is written. Another program gets it once it is whole: one that starts
    again as another text would be both in a file.
    """

    def __init__(self, out: Screen, err: Screen, *, is_plain: bool) -> None:
        self._out, self._err, self._is_plain = out, err, is_plain
        self._is_live = out.isatty() and not is_plain
        self._is_open = False  # a line of the fused answer has no end yet
        self._held: list[str] = []
        self._picture = Picture(err) if err.isatty() else None

    def tell(self, run: Run, kind: str, data: Mapping[str, Any]) -> None:
        """Tell of an event that the run includes by now."""
        if kind == "fused.delta":
            self._write(data["text"])
        elif kind == "answer.finished" and (self._picture is None or run.fused is not None):
            answer = run.answers[data["answer"]]
            self.say(f"{answer.label}: {how_it_ended(answer)}")
        elif kind == "verdict.started" and self._picture is None:
            self.say("The judge compares the answers.")
        elif kind == "fused.started":
            self._close()
            self.say(f"Fused answer ({data['source']}):")
        elif kind == "fused.finished":
            self._close()

    def draw(self, run: Run) -> None:
        """Show the members side by side while there is no fused answer; where they have no room, in plain lines."""
        if self._picture is None or run.fused is not None or not run.answers:
            return
        newest = max(answer.round for answer in run.answers.values())
        shown = [answer for answer in run.answers.values() if answer.round == newest]
        if not self._picture.draw(sorted(shown, key=lambda answer: answer.member)):
            self._picture = None

    def say(self, line: str) -> None:
        """Write a line beside the answer, when that has come to the end of one. What is drawn next stands below it."""
        if self._is_open:
            self._held.append(line)
            return
        if self._picture is not None:
            self._picture.leave()
        self._err.write(harmless(line) + "\n")
        self._err.flush()

    def end(self, text: str | None) -> None:
        """Give what is not shown yet of the run's fused answer, which is `text`; None where it has none."""
        self._close()
        if text is not None and not self._is_live and not self._is_plain:
            self._out.write(text + "\n")
            self._out.flush()

    def _write(self, text: str) -> None:
        if self._is_live and text:
            self._is_open = True
            self._out.write(harmless(text))
            self._out.flush()

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._out.write("\n")
            self._out.flush()
        held, self._held = self._held, []
        for line in held:
            self.say(line)
