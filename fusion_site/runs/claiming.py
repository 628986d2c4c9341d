"""Who works on a run: a lease that is renewed, and a fencing number that rises with each claim."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from fusion_site.runs.models import Run

# A run whose process was killed is taken over after this long; a renewal comes three times as often.
LEASE = timedelta(seconds=9)
RENEW_S = 3.0


def new_owner() -> str:
    """Name this process: host, process id, and a random part, since ids are used again."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


def claimable() -> QuerySet[Run]:
    """Give the runs that need work and that nobody works on, oldest first."""
    free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    return Run.objects.filter(free, finished_at=None).order_by("created_at")


def claim(run_id: str, owner: str) -> Run | None:
    """Take a run by one conditional UPDATE; gives it with its new epoch, or None if it is final or another's."""
    taken = (
        claimable()
        .filter(pk=run_id)
        .order_by()
        .update(lease_owner=owner, lease_until=timezone.now() + LEASE, epoch=F("epoch") + 1)
    )
    return Run.objects.get(pk=run_id) if taken else None


def renew(run_id: str, epoch: int) -> bool:
    """Keep a claim alive; False when somebody else has taken the run over."""
    owned = Run.objects.filter(pk=run_id, epoch=epoch, finished_at=None)
    return owned.update(lease_until=timezone.now() + LEASE) > 0


def release(run_id: str, epoch: int) -> None:
    """Give a run back, so that another process may go on with it at once."""
    Run.objects.filter(pk=run_id, epoch=epoch).update(lease_until=None, lease_owner="")
