"""The end of a run is noted for each of its team's hooks, in the transaction that stores it: so it is told at least once."""

from __future__ import annotations

from fusion_site.runs.hooks.models import Delivery, Hook


def note_end(run_id: str, team_id: str) -> None:
    """Note it. The caller has a transaction open, which stores `run.finished`."""
    hooks = Hook.objects.filter(team=team_id, is_on=True)
    Delivery.objects.bulk_create(Delivery(hook=hook, run_id=run_id) for hook in hooks)
