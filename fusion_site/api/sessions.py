"""`/api/v1/sessions`: where the token's person is signed in, and ending that. They begin in browsers alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema

from fusion_site.accounts.devices import device_of
from fusion_site.accounts.flows.end_session import end_others, end_session
from fusion_site.accounts.flows.forget_expired import forget_ended
from fusion_site.api.doors import caller
from fusion_site.api.paging import Paging, page

router = Router(tags=["sessions"])


class SessionOut(Schema):
    """One browser in which the person is signed in."""

    id: str
    device: str = Field(description="What the browser says of itself, in words; it may be a lie.")
    address: str = Field(description="The one that it was used from last, as the site sees it.")
    created_at: datetime
    last_seen_at: datetime = Field(description="To the minute.")


class SessionPage(Schema):
    """One page of sessions."""

    items: list[SessionOut]
    next: str | None


@router.get("", response=SessionPage)
def list_sessions(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the sessions of the token's person, whichever team they work in, the newest first."""
    own = UserSession.objects.filter(user=caller(request).token.user_id)
    forget_ended(own)
    rows, following = page(own, paging, by=("-created_at", "-id"))
    return {"items": [_shown(row) for row in rows], "next": following}


@router.delete("", response={204: None})
def end_all(request: HttpRequest) -> None:
    """End all of them: pages are signed out and their sockets closed within two seconds. Tokens go on."""
    end_others(request, caller(request).token.user)


@router.delete("/{int:session_id}", response={204: None})
def end_one(request: HttpRequest, session_id: int) -> None:
    """End one of them."""
    if not end_session(request, caller(request).token.user, session_id):
        raise Http404


def _shown(row: UserSession) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "device": device_of(row.user_agent),
        "address": row.ip,
        "created_at": row.created_at,
        "last_seen_at": row.last_seen_at,
    }
