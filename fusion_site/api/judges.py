"""`/api/v1/judges`: who compares answers, and by what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from fusion_site.api.changing import changed
from fusion_site.api.doors import Given, caller, found
from fusion_site.api.files import add_export
from fusion_site.api.paging import Paging, page
from fusion_site.api.transfers import add_transfers
from fusion_site.api.versions import add_versions
from fusion_site.pools.flows.delete import delete
from fusion_site.pools.flows.duplicate import duplicate
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_seen import seen_as
from fusion_site.pools.models import Judge
from fusion_site.pools.plain import plain_judge

router = Router(tags=["judges"])


class CriterionGiven(Given):
    """One thing that a good answer does."""

    name: str
    description: str | None = None
    weight: float | None = Field(None, description="Relative to the others; more than 0; null is 1.")


class JudgeGiven(Given):
    """What may be set. Without criteria an answer should be correct, complete, grounded and clear."""

    name: str | None = None
    connection: str | None = Field(None, description="The id of a connection.")
    model: str | None = None
    fallback_connection: str | None = Field(None, description="Null is the judge's own connection.")
    fallback_model: str | None = Field(None, description="Asked when the judge fails; null is none.")
    second_connection: str | None = Field(None, description="Null is the judge's own connection.")
    second_model: str | None = Field(
        None, description="Asked to confirm where the judge picks an answer of its own family; null is none."
    )
    criteria: list[CriterionGiven] | None = None
    instructions: str | None = None
    swap_check: bool | None = Field(None, description="Compare in both orders; null is true.")


class JudgeChanged(JudgeGiven):
    """What may be changed."""

    version: int | None = Field(
        None, description="The version that the change builds on; null asks nothing of it."
    )


class NewJudge(JudgeGiven):
    """What a new judge needs."""

    model_config = ConfigDict(json_schema_extra={"required": ["name", "connection", "model"]})


class CriterionOut(Schema):
    """One thing that a good answer does, as it is kept."""

    name: str
    description: str
    weight: float


class JudgeOut(Schema):
    """A judge."""

    id: str
    name: str
    connection: str
    model: str
    fallback_connection: str | None
    fallback_model: str | None
    second_connection: str | None
    second_model: str | None
    criteria: list[CriterionOut]
    instructions: str
    swap_check: bool
    version: int
    created_at: datetime
    updated_at: datetime


class JudgePage(Schema):
    """One page of judges."""

    items: list[JudgeOut]
    next: str | None


def shown(row: Judge) -> dict[str, Any]:
    """Give a judge as programs read it."""
    return {
        "id": row.pk,
        **plain_judge(row),
        "version": seen_as(row),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


@router.get("", response=JudgePage)
def list_judges(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the team's judges by name."""
    rows, following = page(Judge.objects.filter(team=caller(request).token.team_id), paging)
    return {"items": [shown(row) for row in rows], "next": following}


@router.post("", response={201: JudgeOut})
def create_judge(request: HttpRequest, payload: NewJudge) -> dict[str, Any]:
    """Make a judge."""
    return shown(save_judge(caller(request).membership, payload.given()))


@router.get("/{judge_id}", response=JudgeOut)
def read_judge(request: HttpRequest, judge_id: str) -> dict[str, Any]:
    """Give one judge."""
    return shown(found(request, Judge, judge_id))


@router.patch("/{judge_id}", response=JudgeOut)
def change_judge(request: HttpRequest, judge_id: str, payload: JudgeChanged) -> dict[str, Any]:
    """Change the fields that are sent; 409 where `version` is sent and is not that of the judge any more."""
    return shown(changed(request, payload, found(request, Judge, judge_id), save_judge))


@router.delete("/{judge_id}", response={204: None})
def delete_judge(request: HttpRequest, judge_id: str) -> None:
    """Delete a judge that no preset uses; 409 says by what it is used."""
    delete(caller(request).membership, found(request, Judge, judge_id))


@router.post("/{judge_id}/duplicate", response={201: JudgeOut})
def duplicate_judge(request: HttpRequest, judge_id: str) -> dict[str, Any]:
    """Copy a judge."""
    return shown(duplicate(caller(request).membership, found(request, Judge, judge_id)))


add_versions(router, "judge", shown, JudgeOut)
add_transfers(router, "judge", shown, JudgeOut)
add_export(router, "judge")
