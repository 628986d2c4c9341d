"""What a call costs by tokens and prices, and prices that differ for long prompts or by the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fusion_site.engine.asking import Usage
from fusion_site.providers import Prices, cost_of, read_catalogue, read_overrides

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("usage", "prices", "cost"),
    [
        (Usage(1000, 100), ("0.000003", "0.000015"), Decimal("0.0045")),
        (Usage(1000, None), ("0.000003", "0.000015"), None),
        (Usage(1000, 100), ("0.000003", None), None),
        (Usage(None, None), ("0", "0"), Decimal(0)),
        (Usage(1000, None), ("0.000003", "0"), Decimal("0.003")),
        (Usage(1000, 100, reasoning_tokens=90), ("0", "0.01"), Decimal(1)),
    ],
)
def test_cost_by_tokens_and_prices(
    usage: Usage, prices: tuple[str | None, str | None], cost: Decimal | None
) -> None:
    prompt, completion = (None if price is None else Decimal(price) for price in prices)
    assert cost_of(usage, Prices(prompt, completion), NOON) == cost


def listed(*overrides: object) -> Prices:
    """Give the prices of a model that costs 1 and 2 dollars a token, but for its overrides."""
    pricing = {"prompt": "1", "completion": "2", "overrides": list(overrides)}
    return read_catalogue([{"id": "a", "pricing": pricing}])[0].prices


def rates(prices: Prices, tokens: int | None = 10, at: str = "12:00") -> tuple[str | None, str | None]:
    """Give the prices of a call as text."""
    hour, minute = map(int, at.split(":"))
    prompt, completion = prices.at(tokens, NOON.replace(hour=hour, minute=minute))
    return None if prompt is None else str(prompt), None if completion is None else str(completion)


@pytest.mark.parametrize(
    ("tokens", "expected"), [(0, ("1", "2")), (200, ("1", "2")), (201, ("3", "2")), (None, (None, "2"))]
)
def test_a_long_prompt_has_another_price_strictly_above_the_limit(
    tokens: int | None, expected: tuple[str | None, str]
) -> None:
    assert rates(listed({"min_prompt_tokens": 200, "prompt": "3"}), tokens) == expected


@pytest.mark.parametrize(
    ("at", "price"), [("16:29", "1"), ("16:30", "5"), ("23:59", "5"), ("00:29", "5"), ("00:30", "1")]
)
def test_a_window_of_the_day_may_go_over_midnight(at: str, price: str) -> None:
    assert rates(listed({"utc_start": "1630", "utc_end": "0030", "prompt": "5"}), at=at) == (price, "2")


@pytest.mark.parametrize("written", ["0830", "08:30", "830", 830])
def test_the_time_of_day_is_read_as_it_is_written(written: object) -> None:
    prices = listed({"utc_start": written, "utc_end": "0900", "prompt": "5"})
    assert [rates(prices, at=at)[0] for at in ("08:29", "08:30", "09:00")] == ["1", "5", "1"]


def test_later_entries_win_side_by_side() -> None:
    first = {"min_prompt_tokens": 5, "prompt": "3", "completion": "4"}
    assert rates(listed(first, {"min_prompt_tokens": 8, "prompt": "6"})) == ("6", "4")
    assert rates(listed({"min_prompt_tokens": 8, "prompt": "6"}, first)) == ("3", "4")


@pytest.mark.parametrize(
    "override",
    [
        {"prompt": "3"},
        {"prompt": "3", "utc_start": "0800"},
        {"prompt": "3", "utc_start": "lunch", "utc_end": "1400"},
        {"prompt": "-1", "min_prompt_tokens": 5},
        {"prompt": None, "min_prompt_tokens": 5},
    ],
)
def test_what_cannot_be_told_is_unknown_and_not_the_price_of_another_call(override: dict[str, Any]) -> None:
    assert rates(listed(override)) == (None, "2")


@pytest.mark.parametrize("overrides", [None, "x", {}, [None, 5, [], {"image": "3", "min_prompt_tokens": 1}]])
def test_what_is_no_override_changes_nothing(overrides: object) -> None:
    pricing = {"prompt": "1", "completion": "2", "overrides": overrides}
    assert rates(read_catalogue([{"id": "a", "pricing": pricing}])[0].prices) == ("1", "2")


def test_the_most_is_that_of_the_dearest_hour() -> None:
    day = {"utc_start": "0100", "utc_end": "0400", "prompt": "9"}
    prices = listed(day, {"min_prompt_tokens": 50, "completion": "8"})
    assert prices.most(10) == (Decimal(9), Decimal(2))
    assert prices.most(51) == (Decimal(9), Decimal(8))
    assert listed({"utc_start": "0100", "utc_end": "0400", "prompt": "-1"}).most(10) == (None, Decimal(2))
    assert listed().most(10) == (Decimal(1), Decimal(2))


def test_overrides_are_kept_as_they_are_read() -> None:
    given = [
        {"prompt": "3", "completion": None, "min_prompt_tokens": 200},
        {"prompt": "0.5", "utc_start": "1630", "utc_end": "0030"},
    ]
    read = read_overrides(given)
    assert [override.to_json() for override in read] == given
    assert read_overrides([override.to_json() for override in read]) == read


def test_a_call_costs_what_its_size_costs() -> None:
    prices = listed({"min_prompt_tokens": 200, "prompt": "3", "completion": "4"})
    assert cost_of(Usage(200, 1), prices, NOON) == 202
    assert cost_of(Usage(201, 1), prices, NOON) == 607
    assert cost_of(Usage(None, 1), prices, NOON) is None
