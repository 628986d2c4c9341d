"""The room as a Django app: its rows take part in the metrics, and on many machines runs are handed to workers."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class RunsConfig(AppConfig):
    """Ties the room to the rest of the process."""

    name = "fusion_site.runs"

    def ready(self) -> None:
        """Have figures read at each scrape, runs queued where workers are, those of a closed team stopped, and those of
        a preset that is back be its own again."""
        from fusion_site.accounts.signals import team_closed
        from fusion_site.pools.signals import came_back
        from fusion_site.runs.flows.remove_teams import on_team_closed
        from fusion_site.runs.flows.take_back import on_came_back
        from fusion_site.runs.measuring import measure_rows  # needs the models, which are ready only now

        measure_rows()
        team_closed.connect(on_team_closed, dispatch_uid="runs.stop")
        came_back.connect(on_came_back, dispatch_uid="runs.take_back")
        if settings.FUSION_IS_CLUSTER:
            from fusion_site.runs.execution.jobs import (
                JobQueue,  # its models are there only where its tables are
            )
            from fusion_site.runs.queue import hand_to

            hand_to(JobQueue())
