"""What a call costs, where the server does not say so itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from fusion_site.engine.asking import Usage
from fusion_site.providers.shapes import as_amount, as_count, as_dict, as_list

# What of a price list is read: the prices of tokens that go in and that come out.
SIDES = ("prompt", "completion")
MOST_OVERRIDES = 20
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
Rates = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class PriceOverride:
    """Other prices for some calls: those with more than `above_tokens` tokens in, those within a window of the day in UTC.

    The window is `(start, end)` in minutes from midnight, and goes over midnight where it ends before it starts.
    Without either, nobody knows which calls are meant. A side that is not in `prices` keeps its price.
    """

    prices: Mapping[str, Decimal | None]
    above_tokens: int | None = None
    window: tuple[int, int] | None = None

    def fits(self, prompt_tokens: int | None, when: datetime) -> bool | None:
        """Whether it holds for a call; None if that cannot be known."""
        if self.above_tokens is None and self.window is None:
            return None
        if self.window is not None and not _is_within(when.hour * 60 + when.minute, *self.window):
            return False
        if self.above_tokens is None:
            return True
        return None if prompt_tokens is None else prompt_tokens > self.above_tokens

    def to_json(self) -> dict[str, Any]:
        """Give it in the shape in which OpenRouter sends it."""
        said: dict[str, Any] = {side: None if p is None else str(p) for side, p in self.prices.items()}
        if self.above_tokens is not None:
            said["min_prompt_tokens"] = self.above_tokens
        if self.window is not None:
            said["utc_start"], said["utc_end"] = (f"{m // 60:02d}{m % 60:02d}" for m in self.window)
        return said


@dataclass(frozen=True, slots=True)
class Prices:
    """A model's prices in USD per token; None is unknown, which is not free. Later overrides win, side by side."""

    prompt: Decimal | None = None
    completion: Decimal | None = None
    overrides: tuple[PriceOverride, ...] = ()

    def at(self, prompt_tokens: int | None, when: datetime) -> Rates:
        """Give the prices of prompt and completion for a call of this size at `when`, a time in UTC."""
        found: dict[str, Decimal | None] = {"prompt": self.prompt, "completion": self.completion}
        for override in self.overrides:
            fits = override.fits(prompt_tokens, when)
            for side, price in override.prices.items():
                if fits or (fits is None and found[side] != price):
                    found[side] = price if fits else None
        return found["prompt"], found["completion"]

    def most(self, prompt_tokens: int) -> Rates:
        """Give the highest prices that a call of this size may have at any time of the day."""
        edges = {minute for o in self.overrides if o.window for minute in o.window} or {0}
        rates = [self.at(prompt_tokens, _ANY_DAY + timedelta(minutes=minute)) for minute in edges]
        return _highest([rate[0] for rate in rates]), _highest([rate[1] for rate in rates])


FREE = Prices(Decimal(0), Decimal(0))
UNKNOWN = Prices()


def read_overrides(value: object) -> tuple[PriceOverride, ...]:
    """Give the entries of `pricing.overrides` that change the price of a token. Source: OpenRouter's `/models`."""
    entries = [as_dict(entry) for entry in as_list(value)[:MOST_OVERRIDES]]
    return tuple(_override(entry) for entry in entries if any(side in entry for side in SIDES))


def _override(entry: dict[str, Any]) -> PriceOverride:
    start, end = _minute(entry.get("utc_start")), _minute(entry.get("utc_end"))
    return PriceOverride(
        {side: as_amount(entry[side]) for side in SIDES if side in entry},
        as_count(entry.get("min_prompt_tokens")),
        None if start is None or end is None else (start, end),
    )


def _minute(value: object) -> int | None:
    """Give minutes from midnight for `0830`, `08:30` or 830."""
    digits = str(value).replace(":", "")
    if isinstance(value, bool) or not (digits.isascii() and digits.isdigit() and len(digits) <= 4):
        return None
    hours, minutes = divmod(int(digits), 100)
    return hours * 60 + minutes if hours <= 24 and minutes < 60 else None


def _is_within(minute: int, start: int, end: int) -> bool:
    return start <= minute < end if start < end else minute >= start or minute < end


def _highest(prices: list[Decimal | None]) -> Decimal | None:
    known = [price for price in prices if price is not None]
    return max(known) if len(known) == len(prices) else None


def cost_of(usage: Usage, prices: Prices, when: datetime) -> Decimal | None:
    """Give the cost in USD of a call made at `when` (UTC) by its tokens; None if anything is unknown.

    Reasoning tokens are part of `completion_tokens` and are not added again. A price of zero makes its side
    free, counted or not.
    """
    prompt_price, completion_price = prices.at(usage.prompt_tokens, when)
    prompt = _side(usage.prompt_tokens, prompt_price)
    completion = _side(usage.completion_tokens, completion_price)
    return None if prompt is None or completion is None else prompt + completion


def _side(tokens: int | None, price: Decimal | None) -> Decimal | None:
    if price is None:
        return None
    if price == 0:
        return Decimal(0)
    return None if tokens is None else tokens * price
