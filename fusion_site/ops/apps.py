"""The room as a Django app: its checks run with Django's own."""

from __future__ import annotations

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Brings the checks of settings in."""

    name = "fusion_site.ops"

    def ready(self) -> None:
        """Register the checks."""
        from fusion_site.ops import checks  # noqa: F401  # registers on import, which needs the settings
