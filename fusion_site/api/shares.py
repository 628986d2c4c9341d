"""`/api/v1/runs/{id}/shares` and `/api/v1/shares/{id}`: links to runs, made, listed and revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from django.urls import reverse
from ninja import Field, Query, Router, Schema

from fusion_site.api.doors import Given, caller
from fusion_site.api.paging import Paging, page
from fusion_site.pools.naming import is_id
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.access import ends_at, links_of, sharable_place, standing
from fusion_site.runs.sharing.flows.share import revoke_share, share_run, shown_words
from fusion_site.runs.sharing.models import Share

of_runs = Router(tags=["shares"])
router = Router(tags=["shares"])

Shown = Literal["fused", "verdict", "members", "prompt", "cost", "comments"]


class NewShare(Given):
    """What a new link shows, and for how long. The line that says how the answer came about is shown always."""

    show: list[str] | None = Field(
        None,
        description="Some of `fused`, `verdict`, `members`, `prompt`, `cost`, `comments`; null is `fused` and `verdict`.",
    )
    expires_at: str | None = Field(None, description="When it ends, with its zone; null is 30 days from now.")
    password: str | None = Field(None, description="At least 8 characters; null is none.")
    voting: bool | None = Field(
        None, description="Whether visitors may vote, before they see names; needs `members`."
    )


class ShareOut(Schema):
    """A link to a run."""

    id: str
    run: str
    url: str | None = Field(
        description="The link, in the answer to its making alone: only its hash is stored."
    )
    hint: str = Field(description="How its token ends.")
    show: list[Shown]
    voting: bool
    has_password: bool
    state: Literal["live", "revoked", "expired", "refused"] = Field(
        description="`refused` is by the team's policy, as it is now."
    )
    created_at: datetime
    expires_at: datetime = Field(description="As chosen, or earlier where the team's policy of now says so.")
    revoked_at: datetime | None
    views: int = Field(description="How often people outside the team have opened it.")
    last_viewed_at: datetime | None


class SharePage(Schema):
    """One page of links, newest first."""

    items: list[ShareOut]
    next: str | None


def shown(share: Share, url: str | None = None) -> dict[str, Any]:
    """Give a link as programs read it."""
    return {
        "id": share.pk,
        "run": share.run_id,
        "url": url,
        "hint": share.hint,
        "show": shown_words(share),
        "voting": share.voting,
        "has_password": bool(share.password),
        "state": standing(share),
        "created_at": share.created_at,
        "expires_at": ends_at(share),
        "revoked_at": share.revoked_at,
        "views": share.views,
        "last_viewed_at": share.last_viewed_at,
    }


@of_runs.post("/{run_id}/shares", response={201: ShareOut})
def create_share(request: HttpRequest, run_id: str, payload: NewShare) -> dict[str, Any]:
    """Make a link to a run; for who started it, and editors. The link stands in this answer alone."""
    run = _run(request, run_id)
    made = share_run(sharable_place(caller(request).token.user, run), run, payload.given())
    return shown(made.share, request.build_absolute_uri(reverse("shared", args=[made.token])))


@of_runs.get("/{run_id}/shares", response=SharePage)
def list_shares(request: HttpRequest, run_id: str, paging: Query[Paging]) -> dict[str, Any]:
    """Give the links to a run, newest first: one's own, and for owners all."""
    rows = links_of(caller(request).membership).filter(run=_run(request, run_id))
    found, following = page(rows, paging, by=("-created_at", "-id"))
    return {"items": [shown(each) for each in found], "next": following}


@router.get("", response=SharePage)
def list_team_shares(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the team's links, newest first: one's own, and for owners all."""
    found, following = page(links_of(caller(request).membership), paging, by=("-created_at", "-id"))
    return {"items": [shown(each) for each in found], "next": following}


@router.get("/{share_id}", response=ShareOut)
def read_share(request: HttpRequest, share_id: str) -> dict[str, Any]:
    """Give one link."""
    return shown(_share(request, share_id))


@router.delete("/{share_id}", response={204: None})
def delete_share(request: HttpRequest, share_id: str) -> None:
    """Revoke a link: it is dead at once, also for those who have it open. It stays in the list as `revoked`."""
    revoke_share(caller(request).membership, _share(request, share_id))


def _run(request: HttpRequest, run_id: str) -> Run:
    rows = Run.objects.select_related("team").filter(team=caller(request).token.team_id)
    run = rows.filter(pk=run_id).first() if is_id(run_id) else None
    if run is None:
        raise Http404
    return run


def _share(request: HttpRequest, share_id: str) -> Share:
    rows = links_of(caller(request).membership)
    share = rows.filter(pk=share_id).first() if is_id(share_id) else None
    if share is None:
        raise Http404
    return share
