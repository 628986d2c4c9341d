"""Charts as SVG that is written on the server: only places and lengths, so that the policy against inline styles holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10


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


def _round_up(value: float) -> float:
    """Give the next of 1, 2, 5, 10, 20, 50, …"""
    if value <= 0:
        return 10
    power = 10.0 ** (ceil(log10(value)) - 1)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * 0.9999)
