"""Reading JSON of unknown shape: every function gives the wanted type or an empty value, never an exception."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

SURROGATE = re.compile("[\ud800-\udfff]")
CUT = "…"
"""Ends a text that was cut to its length."""
MOST_USD = 1_000_000
"""No price or cost is larger; what claims to be is garbage."""


class Malformed(ValueError):
    """Bytes that are not JSON even when read with every tolerance."""


def load_json(data: bytes) -> Any:
    """Give the JSON value in `data`, read as UTF-8 whatever a header says. Raises Malformed.

    The slow path accepts what real servers send and orjson refuses: halves of surrogate pairs, bytes that
    are not UTF-8, raw control characters, NaN.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass  # most of what orjson refuses is readable below
    try:
        return json.loads(data.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from error


def as_dict(value: object) -> dict[str, Any]:
    """Give `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Give `value` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Give `value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int | None:
    """Give `value` if it counts something (an integer from 0), else None: unknown is not zero."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 and value == value // 1 and value < 2**53 else None


def as_amount(value: object) -> Decimal | None:
    """Give a price or cost as an exact Decimal from 0, or None: missing, negative and garbage are unknown."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= MOST_USD else None


def storable(text: str) -> str:
    """Give `text` as every database and page takes it: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii() or SURROGATE.search(text) is None:
        return text
    # Through UTF-16, two halves that belong together become their character; the others are replaced.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def one_line(text: str, limit: int) -> str:
    """Give `text` without control characters or line breaks, cut to `limit` characters, CUT among them."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in storable(text[: limit * 4])).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + CUT
