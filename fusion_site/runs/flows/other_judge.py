"""Another judge than the preset's, for one run."""

from __future__ import annotations

from fusion_site.pools.invalid import Invalid, no_such
from fusion_site.pools.models import Judge, Preset
from fusion_site.pools.reading import is_storable


def other_judge(preset: Preset, judge_id: str) -> Judge | None:
    """Give the judge of the preset's team with this id; None where it is the preset's own. Raises Invalid."""
    if judge_id == preset.judge_id:
        return None
    rows = Judge.objects.select_related("connection", "fallback_connection", "second_connection")
    judge = rows.filter(team=preset.team_id, pk=judge_id).first() if is_storable(judge_id) else None
    if judge is None:
        raise Invalid({"judge": [no_such("judge")]})
    return judge
