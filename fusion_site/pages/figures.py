"""Figures as people read them. What is not known is said to be unknown, never shown as zero."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

UNKNOWN = "unknown"
_LEAST_SHOWN = Decimal("0.0001")


def duration(ms: float | None) -> str:
    """Milliseconds as `0.8 s`, `12.4 s`, `1 min 05 s` or `2 h 03 min`."""
    if ms is None:
        return UNKNOWN
    tenths = round(ms / 100)
    if tenths < 600:
        return f"{tenths / 10:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def money(usd: Decimal | None) -> str:
    """US dollars with two figures that mean something: `$12.30`, `$0.042`, `under $0.0001`."""
    if usd is None:
        return UNKNOWN
    if usd == 0:
        return "$0"
    if usd < _LEAST_SHOWN:
        return f"under ${_LEAST_SHOWN}"
    places = max(2, 1 - usd.adjusted())
    return f"${usd.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,}"


def cost(usd: Decimal | None) -> str:
    """What something cost, as the estimate before it says it too: `$0.042`, or `free`."""
    return "free" if usd == 0 else money(usd)


def per_million(usd_per_token: Decimal | None) -> str:
    """A price per token as one per million tokens, the way providers list it: `$3.00/M`, or `free`."""
    if usd_per_token is None:
        return UNKNOWN
    return f"{money(usd_per_token * 1_000_000)}/M" if usd_per_token else "free"


def percent(share: float | None) -> str:
    """A share from 0 to 1 as a whole percentage."""
    return UNKNOWN if share is None else f"{round(share * 100)}%"


def count(number: int | None) -> str:
    """A whole number with its thousands apart."""
    return UNKNOWN if number is None else f"{number:,}"


def size(count_of_bytes: float | None) -> str:
    """Bytes as `7.1 GB`, `640 MB` or `12 kB`."""
    if count_of_bytes is None:
        return UNKNOWN
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count_of_bytes >= unit:
            figure = count_of_bytes / unit
            return f"{figure:.1f} {name}" if figure < 100 else f"{figure:.0f} {name}"
    return f"{round(count_of_bytes)} bytes"


def parameters(number: int | None) -> str:
    """How large a model is: `12.0 B`, `500 M`."""
    if number is None:
        return UNKNOWN
    return (
        f"{number / 10**9:.1f} B"
        if number >= 10**9
        else f"{number / 10**6:.0f} M"
        if number >= 10**6
        else f"{number:,}"
    )


def moment(at: datetime, now: datetime) -> str:
    """A point in time, the shorter the nearer: `14:02` today, `24 Nov, 14:02` this year, else `24 Nov 2025`."""
    if at.date() == now.date():
        return f"{at:%H:%M}"
    if at.year == now.year:
        return f"{at.day} {at:%b, %H:%M}"
    return f"{at.day} {at:%b %Y}"
