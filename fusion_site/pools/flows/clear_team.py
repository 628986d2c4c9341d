"""A team is removed: what it keeps by name goes, each before what it refers to."""

from __future__ import annotations

from typing import Any

from fusion_site.accounts.models import Team
from fusion_site.pools.models import Connection, Judge, Pool, Preset

# What refers to others is protected from their going, even where both go: so the order matters.
_IN_ORDER = (Preset, Judge, Pool, Connection)


def on_team_removing(*, team: Team, **_: Any) -> None:
    """Delete the team's presets, judges, pools and connections, with the keys that these hold."""
    for model in _IN_ORDER:
        model.objects.filter(team=team).delete()
