"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fusion_site.pages import figures


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "unknown"),
        (0, "0.0 s"),
        (840, "0.8 s"),
        (12_449, "12.4 s"),
        (59_949, "59.9 s"),
        (59_951, "1 min 00 s"),
        (65_400, "1 min 05 s"),
        (3_599_400, "59 min 59 s"),
        (3_599_600, "1 h 00 min"),
        (7_380_000, "2 h 03 min"),
    ],
)
def test_durations_change_unit_without_a_gap(ms: float | None, text: str) -> None:
    assert figures.duration(ms) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unknown"),
        (Decimal(0), "$0"),
        (Decimal("0E-10"), "$0"),
        (Decimal("0.00003"), "under $0.0001"),
        (Decimal("0.0001"), "$0.00010"),
        (Decimal("0.0042499"), "$0.0042"),
        (Decimal("0.025"), "$0.025"),
        (Decimal("0.995"), "$1.00"),
        (Decimal("12.3"), "$12.30"),
        (Decimal("1234567.891"), "$1,234,567.89"),
    ],
)
def test_money_is_unknown_or_has_figures_that_mean_something(usd: Decimal | None, text: str) -> None:
    assert figures.money(usd) == text


def test_what_cost_nothing_is_called_as_before_the_run() -> None:
    assert [figures.cost(usd) for usd in (Decimal(0), Decimal("0.5"), None)] == ["free", "$0.50", "unknown"]


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (None, "unknown"),
        (Decimal(0), "free"),
        (Decimal("0.000003"), "$3.00/M"),
        (Decimal("8e-8"), "$0.080/M"),
    ],
)
def test_prices_are_shown_per_million_tokens(price: Decimal | None, text: str) -> None:
    assert figures.per_million(price) == text


def test_shares_and_counts() -> None:
    assert [figures.percent(x) for x in (None, 0.0, 0.857, 1.0)] == ["unknown", "0%", "86%", "100%"]
    assert [figures.count(x) for x in (None, 0, 131_072)] == ["unknown", "0", "131,072"]


def test_the_nearer_a_moment_the_shorter() -> None:
    now = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
    assert figures.moment(datetime(2026, 11, 24, 9, 5, tzinfo=UTC), now) == "09:05"
    assert figures.moment(datetime(2026, 11, 3, 23, 59, tzinfo=UTC), now) == "3 Nov, 23:59"
    assert figures.moment(datetime(2025, 11, 24, 14, 0, tzinfo=UTC), now) == "24 Nov 2025"
