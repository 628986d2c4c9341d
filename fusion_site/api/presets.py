"""`/api/v1/presets`: a pool, a judge and a mode under one name, ready to be asked."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

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
from fusion_site.pools.flows.mark_default import mark_default
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.flows.save_seen import seen_as
from fusion_site.pools.models import Preset
from fusion_site.pools.plain import plain_preset

router = Router(tags=["presets"])


class PresetGiven(Given):
    """What may be set. Durations are seconds, money is US dollars."""

    name: str | None = None
    slug: str | None = Field(None, description="Unique in the team; null makes one from the name.")
    pool: str | None = Field(None, description="The id of a pool.")
    judge: str | None = Field(None, description="The id of a judge.")
    mode: Literal["best_of", "merge", "debate"] | None = Field(None, description="Null is merge.")
    quorum: int | None = Field(
        None, description="Usable answers that start the grace period; null is half, at least 2."
    )
    grace: float | None = Field(
        None, description="The rest have this many times the quorum's time; null is 2."
    )
    deadline_s: float | None = Field(None, description="From acceptance to the fused answer; null is 300.")
    debate_rounds: int | None = Field(None, description="1 or 2; null is 1.")
    budget_usd: Decimal | None = Field(
        None, description="A run stops before the call that would pass it; null is none."
    )
    do_no_harm: bool | None = Field(None, description="A merge has to beat the best answer; null is false.")
    guided: bool | None = Field(
        None,
        description="A run that is started on a page waits before its final step for a choice of what is kept; null is false.",
    )
    template: str | None = Field(None, description="Text with {{variables}}; {{prompt}} is what was asked.")


class PresetChanged(PresetGiven):
    """What may be changed."""

    version: int | None = Field(
        None, description="The version that the change builds on; null asks nothing of it."
    )


class NewPreset(PresetGiven):
    """What a new preset needs."""

    model_config = ConfigDict(json_schema_extra={"required": ["name", "pool", "judge"]})


class PresetOut(Schema):
    """A preset. Programs call it through the OpenAI API as the model `fusion/<slug>`."""

    id: str
    name: str
    slug: str
    pool: str
    judge: str
    mode: str
    quorum: int | None
    grace: float
    deadline_s: float
    debate_rounds: int
    budget_usd: str | None
    do_no_harm: bool
    guided: bool
    template: str
    is_default: bool = Field(description="Whether Compose begins with it.")
    version: int
    created_at: datetime
    updated_at: datetime


class PresetPage(Schema):
    """One page of presets."""

    items: list[PresetOut]
    next: str | None


def shown(row: Preset) -> dict[str, Any]:
    """Give a preset as programs read it."""
    own = {"is_default": row.is_default, "version": seen_as(row)}
    return {
        "id": row.pk,
        **plain_preset(row),
        **own,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


@router.get("", response=PresetPage)
def list_presets(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the team's presets by name."""
    rows, following = page(Preset.objects.filter(team=caller(request).token.team_id), paging)
    return {"items": [shown(row) for row in rows], "next": following}


@router.post("", response={201: PresetOut})
def create_preset(request: HttpRequest, payload: NewPreset) -> dict[str, Any]:
    """Make a preset."""
    return shown(save_preset(caller(request).membership, payload.given()))


@router.get("/{preset_id}", response=PresetOut)
def read_preset(request: HttpRequest, preset_id: str) -> dict[str, Any]:
    """Give one preset."""
    return shown(found(request, Preset, preset_id))


@router.patch("/{preset_id}", response=PresetOut)
def change_preset(request: HttpRequest, preset_id: str, payload: PresetChanged) -> dict[str, Any]:
    """Change the fields that are sent; 409 where `version` is sent and is not that of the preset any more."""
    return shown(changed(request, payload, found(request, Preset, preset_id), save_preset))


@router.delete("/{preset_id}", response={204: None})
def delete_preset(request: HttpRequest, preset_id: str) -> None:
    """Delete a preset. Runs that were made with it stay as they are."""
    delete(caller(request).membership, found(request, Preset, preset_id))


@router.post("/{preset_id}/duplicate", response={201: PresetOut})
def duplicate_preset(request: HttpRequest, preset_id: str) -> dict[str, Any]:
    """Copy a preset; the copy has a slug of its own."""
    return shown(duplicate(caller(request).membership, found(request, Preset, preset_id)))


@router.post("/{preset_id}/default", response=PresetOut)
def make_default(request: HttpRequest, preset_id: str) -> dict[str, Any]:
    """Let Compose begin with this preset, in place of the one before."""
    return shown(mark_default(caller(request).membership, found(request, Preset, preset_id)))


@router.delete("/{preset_id}/default", response={204: None})
def make_no_default(request: HttpRequest, preset_id: str) -> None:
    """Let Compose no longer begin with this preset."""
    mark_default(caller(request).membership, found(request, Preset, preset_id), is_on=False)


add_versions(router, "preset", shown, PresetOut)
add_transfers(router, "preset", shown, PresetOut)
add_export(router, "preset")
