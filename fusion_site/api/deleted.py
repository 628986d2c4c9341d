"""`/api/v1/deleted`: what the team has deleted, of all kinds, and how it is had back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from fusion_site.api.doors import caller
from fusion_site.api.paging import Paging
from fusion_site.pools.paging import closed_cursor, foreign_cursor, opened_cursor
from fusion_site.runs.bin import Gone, gone_things, have_back

router = Router(tags=["deleted"])


class DeletedOut(Schema):
    """Something that was deleted, and can be had back until it is forgotten."""

    kind: str = Field(description="`run`, `connection`, `pool`, `judge` or `preset`.")
    id: str
    name: str = Field(description="Of a run its title.")
    deleted_at: datetime
    until: datetime
    by: str | None


class DeletedPage(Schema):
    """One page of what is deleted, newest first."""

    items: list[DeletedOut]
    next: str | None


@router.get("", response=DeletedPage)
def list_deleted(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give what the team has deleted and can have back: runs for 7 days (yours; for editors all), all else for 30."""
    before = _before(paging.cursor) if paging.cursor else None
    found, following = gone_things(caller(request).membership, paging.limit, before)
    return {"items": [_gone(each) for each in found], "next": closed_cursor(following) if following else None}


@router.post("/{thing_id}/restore", response=DeletedOut)
def restore_deleted(request: HttpRequest, thing_id: str) -> dict[str, Any]:
    """Have something back under its own id; after 7 days, a connection's key has to be typed again."""
    return _gone(have_back(caller(request).membership, thing_id))


def _before(cursor: str) -> tuple[datetime, str]:
    match opened_cursor(cursor):
        case [str() as moment, str() as key] if "\x00" not in key:
            try:
                at = datetime.fromisoformat(moment)
            except ValueError:
                raise foreign_cursor() from None
            if at.tzinfo is not None:
                return at, key
    raise foreign_cursor()


def _gone(gone: Gone) -> dict[str, Any]:
    return {
        "kind": gone.kind,
        "id": gone.id,
        "name": gone.name,
        "deleted_at": gone.deleted_at,
        "until": gone.until,
        "by": gone.by,
    }
