"""Giving runs back: they stay unfinished, and other processes go on with them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from fusion_site.runs.claiming import release
from fusion_site.runs.queue import queue


@transaction.atomic
def park_runs(claims: Iterable[tuple[str, int]]) -> None:
    """End the leases of runs, each given with its fencing number, and have them worked on elsewhere.

    A run that has been taken over is left alone.
    """
    for run_id, epoch in claims:
        if release(run_id, epoch):
            queue().submit(run_id)
