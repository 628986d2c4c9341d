"""Giving a run back: it stays unfinished, and another process goes on with it."""

from __future__ import annotations

from django.db import transaction

from fusion_site.runs.claiming import release
from fusion_site.runs.queue import queue


@transaction.atomic
def park_run(run_id: str, epoch: int) -> None:
    """End the lease of a run and have it worked on elsewhere; a run that has been taken over is left alone."""
    if release(run_id, epoch):
        queue().submit(run_id)
