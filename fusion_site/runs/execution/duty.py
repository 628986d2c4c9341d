"""Chores that one process of all does at a time, by a row that says whose turn it is and until when."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from fusion_site.runs.models import Duty


def on_duty(chore: str, owner: str, seconds: float) -> bool:
    """Whether a chore is `owner`'s to do now; if so, it stays so for these many seconds, and longer if asked again."""
    now = timezone.now()
    turn = {"owner": owner, "until": now + timedelta(seconds=seconds)}
    mine_or_free = Duty.objects.filter(Q(owner=owner) | Q(until__lt=now), pk=chore)
    return mine_or_free.update(**turn) > 0 or _begun(chore, turn)


def _begun(chore: str, turn: dict[str, object]) -> bool:
    if Duty.objects.filter(pk=chore).exists():
        return False
    try:
        with transaction.atomic():
            Duty.objects.create(chore=chore, **turn)
    except IntegrityError:
        return False
    return True
