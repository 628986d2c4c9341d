"""A connection remembers when something was last asked over it, so that one knows which may go."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from fusion_site.pools.models import Connection

# Not every run of a busy team writes the row: it is noted anew after so long.
NOTED_ANEW = timedelta(minutes=1)


def note_use(connection_ids: Iterable[str]) -> None:
    """Note that a run asks over these connections now; what is noted is late by NOTED_ANEW at most.

    One that is being edited is left for the next run: its editor waits for the team, which whoever starts a run holds.
    """
    now = timezone.now()
    stale = Q(asked_at=None) | Q(asked_at__lt=now - NOTED_ANEW)
    rows = Connection.objects.filter(stale, pk__in=set(connection_ids))
    free = rows.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
    Connection.objects.filter(pk__in=list(free)).update(asked_at=now)
