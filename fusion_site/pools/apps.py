"""The room as Django loads it."""

from __future__ import annotations

from django.apps import AppConfig


class PoolsConfig(AppConfig):
    """Connections, pools, judges and presets. Gives each new team its starter set, and empties one that goes."""

    name = "fusion_site.pools"

    def ready(self) -> None:
        """Listen for teams that come and go."""
        from fusion_site.accounts.signals import team_created, team_removing
        from fusion_site.pools.flows.clear_team import on_team_removing
        from fusion_site.pools.flows.starter import on_team_created

        team_created.connect(on_team_created, dispatch_uid="pools.starter")
        team_removing.connect(on_team_removing, dispatch_uid="pools.clear")
