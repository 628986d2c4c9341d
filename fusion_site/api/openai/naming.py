"""Presets as models: `fusion/<slug>` is a preset of the caller's team, `fusion/<slug>:<mode>` the same in another mode."""

from __future__ import annotations

import re
from typing import Any

from fusion_site.api.openai.refusals import Refused, unknown_model
from fusion_site.engine.settings import Mode
from fusion_site.pools.models import Preset

_ID = re.compile(r"fusion/([a-z0-9-]{1,60})(?::(best_of|merge|debate))?")


def preset_named(model: object, team: str) -> tuple[Preset, Mode | None]:
    """Give the preset of a model's id, and the mode where the id names one. Raises Refused."""
    if model is None:
        raise Refused(
            400, "You must provide a model parameter.", param="model", code="missing_required_parameter"
        )
    if not isinstance(model, str):
        raise Refused(400, "Invalid type for 'model': it has to be text.", param="model", code="invalid_type")
    match = _ID.fullmatch(model)
    preset = _presets(team).filter(slug=match[1]).first() if match else None
    if match is None or preset is None:
        raise unknown_model(model)
    return preset, Mode(match[2]) if match[2] else None


def models_of(team: str) -> list[dict[str, Any]]:
    """Give every preset of a team as a model."""
    return [model_json(preset) for preset in _presets(team)]


def model_json(preset: Preset, mode: Mode | None = None) -> dict[str, Any]:
    """Give a preset as a model, with its name and mode beside what the OpenAI API has."""
    return {
        "id": f"fusion/{preset.slug}" + (f":{mode}" if mode else ""),
        "object": "model",
        "created": int(preset.created_at.timestamp()),
        "owned_by": preset.team.slug,
        "name": preset.name,
        "fusion": {"preset": preset.pk, "mode": mode or preset.mode},
    }


def _presets(team: str) -> Any:
    return Preset.objects.select_related("judge__connection", "pool", "team").filter(team=team)
