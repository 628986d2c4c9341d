"""`/api/v1/runs/{id}/star` and `/tags`, and `/api/v1/tags`: what runs are marked with."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema

from fusion_site.api.doors import Given, caller
from fusion_site.api.paging import Paging, page
from fusion_site.api.run_doors import actable, found
from fusion_site.pools.naming import is_id
from fusion_site.runs.finding.flows.mark import rename_tag, set_tags, star, unstar
from fusion_site.runs.finding.marks import tags_of
from fusion_site.runs.finding.models import Tag

router = Router(tags=["tags"])
of_runs = Router(tags=["runs"])


class TagsGiven(Given):
    """The tags that a run is to have."""

    tags: list[str] = Field(description="At most 10 of at most 40 characters; new ones are made.")


class RunTags(Schema):
    """The tags that a run has."""

    tags: list[str]


class TagGiven(Given):
    """Another name for a tag."""

    name: str


class TagOut(Schema):
    """A tag of the team, and how many runs have it."""

    id: str
    name: str
    runs: int


class TagPage(Schema):
    """One page of tags, by name."""

    items: list[TagOut]
    next: str | None


@of_runs.put("/{run_id}/star", response={204: None})
def star_run(request: HttpRequest, run_id: str) -> None:
    """Star a run for the token's person."""
    star(caller(request).token.user, found(request, run_id))


@of_runs.delete("/{run_id}/star", response={204: None})
def unstar_run(request: HttpRequest, run_id: str) -> None:
    """Take that star away."""
    unstar(caller(request).token.user, found(request, run_id))


@of_runs.put("/{run_id}/tags", response=RunTags)
def tag_run(request: HttpRequest, run_id: str, payload: TagsGiven) -> dict[str, Any]:
    """Have exactly these tags on a run; for who started it, and editors."""
    run = actable(request, run_id)
    return {"tags": [tag.name for tag in set_tags(caller(request).membership, run, payload.tags)]}


@router.get("", response=TagPage)
def list_tags(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the team's tags."""
    rows, following = page(tags_of(caller(request).token.team_id), paging, by=("folded", "id"))
    return {"items": [_tag(row) for row in rows], "next": following}


@router.patch("/{tag_id}", response=TagOut)
def change_tag(request: HttpRequest, tag_id: str, payload: TagGiven) -> dict[str, Any]:
    """Give a tag another name on all its runs; for editors."""
    rows = tags_of(caller(request).token.team_id)
    tag = rows.filter(pk=tag_id).first() if is_id(tag_id) else None
    if tag is None:
        raise Http404
    rename_tag(caller(request).membership, tag, payload.name)
    return _tag(rows.get(pk=tag_id))


def _tag(row: Tag) -> dict[str, Any]:
    return {"id": row.pk, "name": row.name, "runs": getattr(row, "runs", 0)}
