"""Sealing every stored provider key anew, under the first key of the keyring."""

from __future__ import annotations

from dataclasses import dataclass, field

from fusion_site.accounts.sealing import SealBroken, reseal
from fusion_site.pools.models import Connection


@dataclass
class Rotation:
    """How many keys were sealed anew, how many were already, and the ids of connections whose key nothing opens."""

    resealed: int = 0
    current: int = 0
    broken: list[str] = field(default_factory=list)


def rotate_keys() -> Rotation:
    """Reseal all stored keys, one row at a time: it may be stopped and run again, also while the site is in use."""
    done = Rotation()
    for row in Connection.objects.exclude(sealed_key="").iterator():
        try:
            fresh = reseal(row.sealed_key)
        except SealBroken:
            done.broken.append(row.pk)
            continue
        if fresh is None:
            done.current += 1
        # A key that was typed anew meanwhile is left as it is: the condition no longer holds.
        elif Connection.objects.filter(pk=row.pk, sealed_key=row.sealed_key).update(sealed_key=fresh):
            done.resealed += 1
    return done
