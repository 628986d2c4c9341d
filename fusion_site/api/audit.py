"""`/api/v1/team/audit`: who did what in the token's team, for its owners."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Query, Router, Schema

from fusion_site.accounts.audit import KINDS
from fusion_site.accounts.audit_chain import plain_entry
from fusion_site.accounts.audit_reading import FORMS, Wanted, exported
from fusion_site.accounts.flows.owning import require_owner
from fusion_site.accounts.models import Team
from fusion_site.api.doors import caller
from fusion_site.api.paging import Paging, page

router = Router(tags=["team"])


class AuditQuery(Schema):
    """Which entries are wanted."""

    kind: Literal[KINDS] | None = Field(None, description="What was done on what of this kind.")  # type: ignore[valid-type]
    person: str | None = Field(None, max_length=254, description="A part of the address of who did it.")
    since: date | None = Field(None, description="The first day, in UTC.")
    until: date | None = Field(None, description="The last day, in UTC.")

    def wanted(self) -> Wanted:
        """Give them."""
        return Wanted(self.kind or "", self.person or "", self.since, self.until)


class AuditPaging(Paging, AuditQuery):
    """Which part of them."""


class AuditFile(AuditQuery):
    """All of them, in which form."""

    format: Literal["csv", "jsonl"] = "jsonl"


class EntryOut(Schema):
    """One thing that was done. `door` is page, token, command or site; `token` the end of the one it came with.

    `digest` is over all of that and the digest of the entry before it.
    """

    at: str
    actor: str | None
    action: str
    object_kind: str
    object_id: str | None
    object_name: str | None
    details: dict[str, Any]
    door: str
    token: str | None
    address: str | None
    digest: str


class AuditPage(Schema):
    """One page of entries."""

    items: list[EntryOut]
    next: str | None


@router.get("", response=AuditPage)
def list_entries(request: HttpRequest, asked: Query[AuditPaging]) -> dict[str, Any]:
    """Give the team's audit trail, the newest entry first; for owners."""
    rows, following = page(asked.wanted().of(_team(request)), asked, by=("-id",))
    return {"items": [plain_entry(row) for row in rows], "next": following}


@router.get("/export", response={200: None})
async def export(request: HttpRequest, asked: Query[AuditFile]) -> StreamingHttpResponse:
    """Give the same as one file, as CSV or as JSON lines, whatever its length; for owners."""
    entries = asked.wanted().of(await sync_to_async(_team)(request))
    form = FORMS[asked.format]
    return StreamingHttpResponse(exported(entries, form), content_type=form.content_type)


def _team(request: HttpRequest) -> Team:
    place = caller(request).membership
    require_owner(place, "read its audit trail")
    return place.team
