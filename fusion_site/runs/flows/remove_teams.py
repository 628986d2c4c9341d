"""A team is closed, and its runs stop; when its time is over, they go, and then the team."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db import transaction

from fusion_site.accounts.flows.end_team import due_teams, remove_team
from fusion_site.accounts.models import Team
from fusion_site.runs.flows.cancel import cancel_run
from fusion_site.runs.models import Run

log = logging.getLogger(__name__)

# Runs deleted at a time, with all their events, so that other writers get their turn in between.
MOST = 50


def on_team_closed(*, team: Team, **_: Any) -> None:
    """Have every run of the team stopped that goes on."""
    for run in Run.every.filter(team=team, is_open=True):
        cancel_run(run)


def remove_due_teams(now: datetime) -> int:
    """Remove the teams whose time to be restored is over at `now`, with everything in them; gives how many."""
    due = due_teams(now)
    for team in due:
        while _delete_some_runs(team):
            pass  # a few at a time, until none is left
        if remove_team(team, now):
            log.info("a deleted team was removed for good: %s", team.slug)
    return len(due)


@transaction.atomic
def _delete_some_runs(team: Team) -> int:
    found = list(Run.every.filter(team=team).order_by().values_list("pk", flat=True)[:MOST])
    Run.every.filter(pk__in=found).delete()
    return len(found)
