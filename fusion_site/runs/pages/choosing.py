"""The presets of a team as the compose page offers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_site.accounts.models import Team
from fusion_site.pools.freezing import label_of
from fusion_site.pools.leaving import refused_in
from fusion_site.pools.models import Preset
from fusion_site.pools.prompting import variables_in


def field_name(preset_id: str, variable: str) -> str:
    """Give the name of the field in which a variable of a preset's template is typed."""
    return f"variable-{preset_id}-{variable}"


def given_variables(posted: Mapping[str, Any], preset_id: str) -> dict[str, str]:
    """Give the values that were typed for one preset's variables, by variable."""
    prefix = field_name(preset_id, "")
    return {
        name.removeprefix(prefix): str(value) for name, value in posted.items() if name.startswith(prefix)
    }


def preset_choices(
    team: Team, posted: Mapping[str, Any], errors: Mapping[str, list[str]]
) -> list[dict[str, Any]]:
    """Give the presets with what a person chooses by: mode, members, rehearsal or not, and the template's variables.

    What was typed into the variables' fields stands in them again.
    """
    rows = (
        Preset.objects.filter(team=team)
        .select_related(
            "team",
            "pool",
            "judge__connection",
            "judge__fallback_connection",
            "judge__second_connection",
        )
        .prefetch_related("pool__members__connection")
        .order_by("-is_default", "name", "id")
    )
    return [_choice(row, posted, errors) for row in rows]


def _choice(row: Preset, posted: Mapping[str, Any], errors: Mapping[str, list[str]]) -> dict[str, Any]:
    members = list(row.pool.members.all())
    return {
        "id": row.pk,
        "name": row.name,
        "mode_label": row.get_mode_display(),
        "guided": row.guided,
        "members": [label_of(member) for member in members],
        "variables": [_variable(row.pk, name, posted, errors) for name in variables_in(row.template)],
        "refused": refused_in(row.team, members, row.judge),
        "rehearsal": row.judge.connection.is_rehearsal or any(m.connection.is_rehearsal for m in members),
    }


def _variable(
    preset_id: str, name: str, posted: Mapping[str, Any], errors: Mapping[str, list[str]]
) -> dict[str, Any]:
    typed = str(posted.get(field_name(preset_id, name), ""))
    is_missing = "variables" in errors and posted.get("preset") == preset_id and not typed.strip()
    return {"name": name, "value": typed, "errors": [f"Give a value for {name}."] if is_missing else []}
