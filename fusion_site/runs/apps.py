"""The room as a Django app: its rows take part in the metrics, and on many machines runs are handed to workers."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class RunsConfig(AppConfig):
    """Ties the room to the rest of the process."""

    name = "fusion_site.runs"

    def ready(self) -> None:
        """Have figures read at each scrape, runs queued where workers are, and those of a closed team stopped."""
        from fusion_site.accounts.signals import team_closed
        from fusion_site.runs.flows.remove_teams import on_team_closed
        from fusion_site.runs.measuring import measure_rows  # needs the models, which are ready only now

        measure_rows()
        team_closed.connect(on_team_closed, dispatch_uid="runs.stop")
        if settings.FUSION_IS_CLUSTER:
            from fusion_site.runs.execution.jobs import (
                JobQueue,  # its models are there only where its tables are
            )
            from fusion_site.runs.queue import hand_to

            hand_to(JobQueue())
