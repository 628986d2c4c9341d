"""The room as a Django app: its rows take part in the metrics."""

from __future__ import annotations

from django.apps import AppConfig


class RunsConfig(AppConfig):
    """Brings the figures of runs in."""

    name = "fusion_site.runs"

    def ready(self) -> None:
        """Have them read at each scrape."""
        from fusion_site.runs.measuring import measure_rows  # needs the models, which are ready only now

        measure_rows()
