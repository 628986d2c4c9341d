"""A preset that was deleted is back: the runs that were made with it are its own again."""

from __future__ import annotations

from typing import Any

from fusion_site.pools.models import Named, Preset
from fusion_site.runs.models import Run


def on_came_back(*, row: Named, **_: Any) -> None:
    """Have the runs that name it among what they were made from refer to it."""
    if isinstance(row, Preset):
        Run.every.filter(team=row.team_id, preset=None, pinned__preset__id=row.pk).update(preset=row)
