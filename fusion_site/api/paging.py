"""Lists a page at a time: `{items, next}`, where `next` is the `cursor` of the page after, or null."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Field as ModelField
from django.db.models import Model, Q, QuerySet
from ninja import Field, Schema

from fusion_site.pools.invalid import Invalid

M = TypeVar("M", bound=Model)


class Paging(Schema):
    """Which part of a list is wanted."""

    cursor: str | None = Field(None, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=100)


def page(
    rows: QuerySet[M], paging: Paging, *, by: Sequence[str] = ("name", "id")
) -> tuple[list[M], str | None]:
    """Give one page of `rows` in the order `by`, whose last field is unique, and the cursor of the next page.

    The cursor holds the last row's values rather than a count, so rows that come and go shift nothing. Raises Invalid.
    """
    if paging.cursor:
        rows = rows.filter(_after(rows.model, by, _opened(paging.cursor)))
    found = list(rows.order_by(*by)[: paging.limit + 1])
    if len(found) <= paging.limit:
        return found, None
    shown = found[: paging.limit]
    return shown, _sealed([getattr(shown[-1], _field(name)) for name in by])


def _after(model: type[M], by: Sequence[str], values: list[Any]) -> Q:
    """Match the rows behind `values`: greater in the first field that differs, or smaller where it is descending."""
    if len(values) != len(by):
        raise _foreign_cursor()
    behind, equal = Q(), Q()
    for name, value in zip(by, values, strict=True):
        field = _field(name)
        bound = _as_stored(model, field, value)
        comparison = "lt" if name.startswith("-") else "gt"
        behind |= equal & Q(**{f"{field}__{comparison}": bound})
        equal &= Q(**{field: bound})
    return behind


def _as_stored(model: type[M], field: str, value: Any) -> Any:
    try:
        if not isinstance(value, str | int) or "\x00" in str(value):
            raise _foreign_cursor()
        return _column(model, field).to_python(value)
    except (ValidationError, ValueError, TypeError):
        raise _foreign_cursor() from None


def _column(model: type[M], field: str) -> ModelField[Any, Any]:
    column = model._meta.get_field(field)
    assert isinstance(column, ModelField)
    return column


def _field(name: str) -> str:
    return name.removeprefix("-")


def _sealed(values: list[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).rstrip(b"=").decode()


def _opened(cursor: str) -> list[Any]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise _foreign_cursor() from None
    if not isinstance(values, list):
        raise _foreign_cursor()
    return values


def _foreign_cursor() -> Invalid:
    return Invalid({"cursor": ["Use the `next` of a page of this list."]})
