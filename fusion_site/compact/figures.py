"""What a host tells of itself, and how fast it was over the last minutes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host that is ready works with: tokens of one request, tokens in memory, answers at once, CPU threads.

    Of `layers`, the matrices behind the last one counted as one more, so many are on GPUs; `gpus` names these.
    """

    description: str
    window: int
    cells: int
    slots: int
    threads: int
    layers: int
    gpu_layers: int = 0
    gpus: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How a host is right now; tokens and answers are counted from its start, `memory` in bytes, `progress` of the load from 0 to 1."""

    progress: float = 0.0
    busy: int = 0
    waiting: int = 0
    read: int = 0
    reused: int = 0
    written: int = 0
    finished: int = 0
    cancelled: int = 0
    failed: int = 0
    memory: int | None = None

    @property
    def count(self) -> int:
        """Rises with everything that is done."""
        return self.read + self.written + self.finished + self.cancelled + self.failed


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens a second over one span that ended `ago_s` seconds ago."""

    ago_s: float
    written: float
    read: float


class History:
    """Token rates of the last minutes, in spans of `SPAN_S` seconds; what a host did before it was replaced stays in it."""

    SPAN_S = 5.0
    SPANS = 60

    def __init__(self) -> None:
        self._spans: deque[tuple[float, int, int]] = deque(maxlen=self.SPANS + 1)
        self._last = Figures()

    def begin(self) -> None:
        """A new host counts from 0."""
        self._last = Figures()

    def take(self, figures: Figures, now: float) -> None:
        """Add what was done since the last figures; `now` in seconds of a monotonic clock."""
        written, read = figures.written - self._last.written, figures.read - self._last.read
        self._last = figures
        start = now // self.SPAN_S * self.SPAN_S
        if self._spans and self._spans[-1][0] == start:
            _, before_written, before_read = self._spans.pop()
            written, read = written + before_written, read + before_read
        self._spans.append((start, written, read))

    def rates(self, now: float) -> list[Rate]:
        """One rate per span, oldest first, up to the newest span that is over; spans in which nothing was heard are 0."""
        known = {start: (written, read) for start, written, read in self._spans}
        newest = now // self.SPAN_S * self.SPAN_S
        starts = [newest - self.SPAN_S * back for back in range(self.SPANS, 0, -1)]
        rates = []
        for start in starts:
            written, read = known.get(start, (0, 0))
            rates.append(Rate(now - start - self.SPAN_S, written / self.SPAN_S, read / self.SPAN_S))
        return rates
