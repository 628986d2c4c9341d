"""Lists a page at a time by keyset: the cursor holds the last row's values rather than a count, so nothing shifts."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import Any, TypeVar

import orjson
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field as ModelField
from django.db.models import Model, Q, QuerySet

from fusion_site.pools.invalid import Invalid

M = TypeVar("M", bound=Model)


def page_after(
    rows: QuerySet[M], cursor: str | None, limit: int, by: Sequence[str]
) -> tuple[list[M], str | None]:
    """Give the page of `rows` behind `cursor` in the order `by`, whose last field is unique, and the next page's cursor.

    Fields may be of rows that these refer to: `-document__id`. Raises Invalid for a cursor that is of no page of this list.
    """
    if cursor:
        rows = rows.filter(_after(rows.model, by, opened_cursor(cursor)))
    found = list(rows.order_by(*by)[: limit + 1])
    if len(found) <= limit:
        return found, None
    shown = found[:limit]
    return shown, closed_cursor([_value(shown[-1], _field(name)) for name in by])


def _value(row: Model, name: str) -> Any:
    return reduce(getattr, name.split("__"), row)


def _after(model: type[M], by: Sequence[str], values: list[Any]) -> Q:
    """Match the rows behind `values`: greater in the first field that differs, or smaller where it is descending.

    That the first field is not before its value is said once more, by itself: from that a database begins at the cursor.
    """
    if len(values) != len(by):
        raise foreign_cursor()
    behind, equal, bounds = Q(), Q(), list[Q]()
    for name, value in zip(by, values, strict=True):
        field = _field(name)
        bound = _as_stored(model, field, value)
        comparison = "lt" if name.startswith("-") else "gt"
        behind |= equal & Q(**{f"{field}__{comparison}": bound})
        equal &= Q(**{field: bound})
        bounds.append(Q(**{f"{field}__{comparison}e": bound}))
    return bounds[0] & behind


def _as_stored(model: type[M], field: str, value: Any) -> Any:
    try:
        if not isinstance(value, str | int) or "\x00" in str(value):
            raise foreign_cursor()
        return _column(model, field).to_python(value)
    except (ValidationError, ValueError, TypeError):
        raise foreign_cursor() from None


def _column(model: type[M], field: str) -> ModelField[Any, Any]:
    *path, name = field.split("__")
    target: type[Model] = model
    for step in path:
        related = target._meta.get_field(step).related_model
        if not isinstance(related, type):
            raise FieldDoesNotExist(step)
        target = related
    column = target._meta.get_field(name)
    assert isinstance(column, ModelField)
    return column


def _field(name: str) -> str:
    return name.removeprefix("-")


def closed_cursor(values: Sequence[Any]) -> str:
    """Give values, a last row's, as a cursor."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).rstrip(b"=").decode()


def opened_cursor(cursor: str) -> list[Any]:
    """Give what is in a cursor; raises Invalid where that is no list."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise foreign_cursor() from None
    if not isinstance(values, list):
        raise foreign_cursor()
    return values


def foreign_cursor() -> Invalid:
    """Give the complaint about a cursor that is of no page of the list."""
    return Invalid({"cursor": ["Use the `next` of a page of this list."]})
