"""Who works on a run: a lease that is renewed, and a fencing number that rises with each claim."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, F, Func, Q, QuerySet
from django.db.models.functions import Now
from django.db.models.lookups import LessThan
from django.utils import timezone

from fusion_site.runs.models import Run

# A run whose process was killed is taken over after this long; a renewal comes three times as often.
LEASE = timedelta(seconds=settings.FUSION_LEASE_S)
RENEW_S = settings.FUSION_LEASE_S / 3
# For so long after the database was away, leases that ran out meanwhile are let be: their owners live, hold answers that
# were paid for, and renew them as soon as they get a connection, for which one look may wait five seconds.
PATIENCE = LEASE + timedelta(seconds=5)


def lease_end() -> datetime:
    """Give when a claim ends that is made or renewed now."""
    return timezone.now() + LEASE


def new_owner() -> str:
    """Name this process: its machine, its process id, and a random part, since ids are used again."""
    return f"{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"


def _machine() -> str:
    """Name this machine; a container has process ids of its own, and so counts as a machine of its own."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return f"{socket.gethostname()[:24]}/{namespace}"


def free_leases_of_the_dead() -> None:
    """End the leases of this machine's processes that are no more, so that a restart goes on at once."""
    held = Run.every.filter(is_open=True, lease_until__gt=timezone.now())
    for owner in (
        held.filter(lease_owner__startswith=f"{_machine()}:").values_list("lease_owner", flat=True).distinct()
    ):
        if not _is_alive(int(owner.split(":")[1])):
            held.filter(lease_owner=owner).update(lease_until=None)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def waiting() -> Q:
    """Tell the runs in which nothing is to be done before a person has chosen, or the time for that is up."""
    unguided = Q(guidance__isnull=True, guided_until__gt=timezone.now())
    return unguided & Q(is_open=True, is_paused=True, cancel_requested=False)


def claimable() -> QuerySet[Run]:
    """Give the runs that need work and that nobody works on, oldest first."""
    free = Q(lease_until=None) | _is_run_out()
    return Run.every.filter(free, ~waiting(), is_open=True).order_by("opened_at")


def _is_run_out() -> Q:
    """Whose lease is over, though the database has been up for long enough that it could have been renewed.

    The database's own clock says so, whether or not whoever asks has noticed a restart.
    """
    over = Q(lease_until__lt=timezone.now())
    if connection.vendor == "postgresql":
        up_since = Func(function="pg_postmaster_start_time", output_field=DateTimeField())
        over &= Q(LessThan(up_since, Now() - PATIENCE))
    return over


def claim(run_id: str, owner: str) -> Run | None:
    """Take a run by one conditional UPDATE; gives it with its new epoch, or None if it is over or another's."""
    taken = (
        claimable()
        .filter(pk=run_id)
        .order_by()
        .update(
            lease_owner=owner,
            lease_until=lease_end(),
            epoch=F("epoch") + 1,
            claims=F("claims") + 1,
            written=0,
            is_paused=False,
        )
    )
    return Run.every.get(pk=run_id) if taken else None


def renew(run_ids: Collection[str], owner: str) -> None:
    """Keep the claims of `owner` on these runs alive; those that somebody else has taken over stay so."""
    held = Run.every.filter(pk__in=run_ids, lease_owner=owner, is_open=True)
    held.update(lease_until=lease_end())


def release(run_id: str, epoch: int) -> bool:
    """Give a run back, so that another process may go on with it at once; False if it is over or another's."""
    held = Run.every.filter(pk=run_id, epoch=epoch, is_open=True)
    return held.update(lease_until=None, lease_owner="") > 0
