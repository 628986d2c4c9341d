"""The room as Django loads it."""

from __future__ import annotations

from django.apps import AppConfig


class PoolsConfig(AppConfig):
    """Connections, pools, judges and presets. Gives each new team its starter set."""

    name = "fusion_site.pools"

    def ready(self) -> None:
        """Listen for new teams."""
        from fusion_site.accounts.signals import team_created
        from fusion_site.pools.flows.starter import on_team_created

        team_created.connect(on_team_created, dispatch_uid="pools.starter")
