"""Reading plain data, from a form or from JSON alike: values are checked one by one, and all complaints come at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from django.db.models import Model, QuerySet

from fusion_site.pools import invalid
from fusion_site.pools.invalid import Errors, Invalid

M = TypeVar("M", bound=Model)

Given = Mapping[str, object]

_FLAGS = {True: True, False: False, "1": True, "0": False, "true": True, "false": False, "on": True}
_MONEY_PLACES = 6
_MOST_MONEY = Decimal(1_000_000)


class Reading:
    """One object's fields. A method gives the checked value, or its default when nothing (null, blank) was given.

    A value that cannot be kept gives the default as well and leaves a message; `finish` raises them all.
    """

    def __init__(self, given: Given, *, at: str = "", errors: Errors | None = None) -> None:
        self._given = given
        self._at = at
        self.errors: Errors = {} if errors is None else errors

    def wrong(self, name: str, message: str) -> None:
        """Note that the field `name` cannot be kept, and why."""
        self.errors.setdefault(f"{self._at}{name}", []).append(message)

    def finish(self) -> None:
        """Raise Invalid if anything was wrong, here or in an object inside."""
        if self.errors:
            raise Invalid(self.errors)

    def only(self, known: Iterable[str]) -> None:
        """Refuse fields of any other name."""
        for name in self._given.keys() - set(known):
            self.wrong(name, invalid.UNKNOWN_FIELD)

    def blank(self, name: str) -> bool:
        """Whether nothing was given: absent, null, or text without a visible character."""
        value = self._given.get(name)
        return value is None or (isinstance(value, str) and not value.strip())

    def text(self, name: str, *, longest: int, required: bool = False) -> str:
        """Give text of any number of lines, with line ends as `\\n` and nothing stripped but the blank case."""
        if self.blank(name):
            if required:
                self.wrong(name, invalid.REQUIRED)
            return ""
        value = self._given[name]
        if not isinstance(value, str):
            self.wrong(name, invalid.NOT_TEXT)
            return ""
        value = value.replace("\r\n", "\n")
        if not is_storable(value):
            self.wrong(name, invalid.UNSTORABLE)
        elif len(value) > longest:
            self.wrong(name, f"Use at most {longest:,} characters (this has {len(value):,}).")
        return value

    def line(self, name: str, *, longest: int, required: bool = False) -> str:
        """Give one line of text without blanks around it."""
        value = self.text(name, longest=longest, required=required).strip()
        if any(not char.isprintable() for char in value) and is_storable(value):
            self.wrong(name, "Write this on one line, without control characters.")
        return value

    def number(
        self, name: str, *, low: float, high: float, default: float | None = None, above: bool = False
    ) -> float | None:
        """Give a number from `low` to `high`; `above` leaves out `low` itself."""
        if self.blank(name):
            return default
        value = _number(self._given[name])
        if value is None:
            self.wrong(name, invalid.NOT_A_NUMBER)
        elif not low <= value <= high or (above and value == low):
            self.wrong(name, _range(low, high, above=above))
        else:
            return value
        return default

    def whole(self, name: str, *, low: int, high: int, default: int | None = None) -> int | None:
        """Give a whole number from `low` to `high`."""
        if self.blank(name):
            return default
        value = _whole(self._given[name])
        if value is None:
            self.wrong(name, invalid.NOT_WHOLE)
        elif not low <= value <= high:
            self.wrong(name, _range(low, high))
        else:
            return value
        return default

    def money(self, name: str) -> Decimal | None:
        """Give an amount of US dollars, from 0 and to a millionth."""
        if self.blank(name):
            return None
        value = _decimal(self._given[name])
        if value is None:
            self.wrong(name, invalid.NOT_MONEY)
        elif not 0 <= value < _MOST_MONEY:
            self.wrong(name, _range(0, int(_MOST_MONEY) - 1))
        elif value != round(value, _MONEY_PLACES):
            self.wrong(name, f"Use at most {_MONEY_PLACES} decimal places.")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Give a yes or no."""
        if self.blank(name):
            return default
        value = self._given[name]
        if isinstance(value, bool | str) and value in _FLAGS:
            return _FLAGS[value]
        self.wrong(name, invalid.NOT_A_FLAG)
        return default

    def choice(self, name: str, words: list[str], *, default: str = "", required: bool = False) -> str:
        """Give one of `words`."""
        if self.blank(name):
            if required:
                self.wrong(name, invalid.REQUIRED)
            return default
        value = self._given[name]
        if isinstance(value, str) and value.strip() in words:
            return value.strip()
        self.wrong(name, invalid.one_of(words))
        return default

    def row(self, name: str, rows: QuerySet[M], noun: str, *, required: bool = False) -> M | None:
        """Give the row of `rows` with the id that was given. A foreign id is answered like an absent one."""
        if self.blank(name):
            if required:
                self.wrong(name, invalid.REQUIRED)
            return None
        value = self._given[name]
        found = (
            rows.filter(pk=value.strip()).first() if isinstance(value, str) and is_storable(value) else None
        )
        if found is None:
            self.wrong(name, invalid.no_such(noun))
        return found

    def inside(self, name: str) -> Reading:
        """Give a reading of the object in a field; of none, an empty one."""
        value = self._given.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.wrong(name, invalid.NOT_AN_OBJECT)
            value = None
        return Reading(value or {}, at=f"{self._at}{name}.", errors=self.errors)

    def each(self, name: str, *, most: int) -> list[Reading]:
        """Give a reading for each object of the list in a field; of none, an empty list."""
        value = self._given.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.wrong(name, invalid.NOT_A_LIST)
            return []
        if len(value) > most:
            self.wrong(name, f"At most {most} (these are {len(value)}).")
            return []
        return [
            Reading(item, at=f"{self._at}{name}.{index}.", errors=self.errors)
            for index, item in enumerate(value)
        ]

    def lines(self, name: str, *, most: int, longest: int) -> list[str]:
        """Give a list of texts, read from a list, or from one text with a line for each."""
        value = self._given.get(name)
        if value is None:
            return []
        items = value.splitlines() if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            self.wrong(name, invalid.NOT_A_LIST)
            return []
        items = [item for item in items if item]
        if len(items) > most:
            self.wrong(name, f"At most {most} (these are {len(items)}).")
        elif any(len(item) > longest or not is_storable(item) for item in items):
            self.wrong(name, f"Each may have up to {longest} characters, and none that cannot be stored.")
        return items


def is_storable(text: str) -> bool:
    """Whether every database keeps this text: PostgreSQL takes no U+0000, and a lone surrogate has no UTF-8."""
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    if isinstance(value, str):
        digits = value.strip()
        return int(digits) if len(digits) <= 20 and digits.removeprefix("-").isdecimal() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < 20 else None


def _range(low: float, high: float, *, above: bool = False) -> str:
    start = "more than" if above else "at least"
    return f"Must be {start} {_shown(low)} and at most {_shown(high)}."


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.10g}"
