"""Charts as SVG that is written on the server: only places and lengths, so that the policy against inline styles holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, log10
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in the units of the chart's view box."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A row of bars from oldest to newest, on a scale that ends at `top`."""

    bars: list[Bar]
    top: float
    width: int
    height: int


def bars(values: Sequence[float], *, width: int = 600, height: int = 96) -> Bars:
    """Give the bars of `values`; the scale ends at a round number, and a value above 0 is always seen."""
    top = _round_up(max(values, default=0))
    step = width / max(1, len(values))
    drawn = []
    for at, value in enumerate(values):
        if value > 0:
            tall = max(1.5, value / top * height)
            drawn.append(
                Bar(round(at * step, 2), round(height - tall, 2), round(step * 0.75, 2), round(tall, 2))
            )
    return Bars(drawn, top, width, height)


# How high a row of a chart across is, and how long its scale.
ROW = 28
LENGTH = 400


class Spread(Protocol):
    """A share from 0 to 1 with the ends of its interval."""

    @property
    def low(self) -> float:
        """The lower end."""

    @property
    def value(self) -> float:
        """The share."""

    @property
    def high(self) -> float:
        """The upper end."""


@dataclass(frozen=True, slots=True)
class Span:
    """One row: from where to where its line goes, and where its dot stands."""

    y: float
    low: float
    value: float
    high: float


@dataclass(frozen=True, slots=True)
class Spans:
    """Shares with their intervals, one below the other, on a scale from 0 to 1; `middle` is where a half is."""

    rows: list[Span]
    middle: float
    width: int
    height: int


def spans(spreads: Sequence[Spread]) -> Spans:
    """Give a row for each share."""
    rows = [
        Span(ROW * at + ROW / 2, *(round(each * LENGTH, 1) for each in (found.low, found.value, found.high)))
        for at, found in enumerate(spreads)
    ]
    return Spans(rows, LENGTH / 2, LENGTH, ROW * len(rows))


def bars_across(values: Sequence[float | Decimal | None]) -> Bars:
    """Give a bar across for each value, one below the other; what is unknown has one of no length."""
    known = [float(value or 0) for value in values]
    top = max(known, default=0.0)
    drawn = [
        Bar(0, ROW * at + 6, round(max(1.5, value / top * LENGTH), 2) if value > 0 else 0, ROW - 12)
        for at, value in enumerate(known)
    ]
    return Bars(drawn, top, LENGTH, ROW * len(drawn))


def _round_up(value: float) -> float:
    """Give the next of 1, 2, 5, 10, 20, 50, …"""
    if value <= 0:
        return 10
    power = 10.0 ** (ceil(log10(value)) - 1)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * 0.9999)
