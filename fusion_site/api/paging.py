"""Lists a page at a time: `{items, next}`, where `next` is the `cursor` of the page after, or null."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.db.models import Model, QuerySet
from ninja import Field, Schema

from fusion_site.pools.paging import page_after

M = TypeVar("M", bound=Model)


class Paging(Schema):
    """Which part of a list is wanted."""

    cursor: str | None = Field(None, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=100)


def page(
    rows: QuerySet[M], paging: Paging, *, by: Sequence[str] = ("name", "id")
) -> tuple[list[M], str | None]:
    """Give one page of `rows` in the order `by`, whose last field is unique, and the cursor of the next page.

    Raises Invalid for a cursor from elsewhere.
    """
    return page_after(rows, paging.cursor, paging.limit, by)
