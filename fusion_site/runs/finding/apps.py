"""Finding runs again: full-text search, filters, stars and tags, as a room of their own within runs."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class FindingConfig(AppConfig):
    """Named apart from the rooms' apps, so that its tables and migrations are its own."""

    name = "fusion_site.runs.finding"
    label = "finding"

    def ready(self) -> None:
        """Have the index and its triggers laid after every migration: a table that SQLite makes anew loses its triggers,
        and none can be made anew that a trigger writes to."""
        pre_migrate.connect(_lift, dispatch_uid="finding.lift")
        post_migrate.connect(_lay, dispatch_uid="finding.lay")


def _lift(*, using: str, app_config: AppConfig, plan: Any = (), **_: Any) -> None:
    if app_config.label == "finding" and plan:
        from fusion_site.runs.finding.index import lift

        lift(using)


def _lay(*, using: str, app_config: AppConfig, **_: Any) -> None:
    if app_config.label == "finding":
        from fusion_site.runs.finding.index import lay

        lay(using)
