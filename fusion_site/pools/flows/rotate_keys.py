"""Sealing every stored secret of the site anew, under the first key of the keyring."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

from fusion_site.accounts.flows.rotate_secrets import (
    Rotation,
    Sealed,
    rotate,
    sealed_elsewhere,
    sealed_of_accounts,
)
from fusion_site.pools.models import Connection, Version


def rotate_keys() -> Rotation:
    """Reseal the keys of connections, and what accounts and the rooms above keep sealed; it may be run again, also while the site is in use."""
    return rotate(chain(_sealed_keys(), sealed_of_accounts(), sealed_elsewhere()))


def _sealed_keys() -> Iterator[Sealed]:
    for row in Connection.objects.exclude(sealed_key="").iterator():
        yield Sealed(f"connection {row.pk}", row.sealed_key, partial(_replace, row))
    for end in Version.objects.exclude(sealed_key="").iterator():
        yield Sealed(f"deleted connection {end.thing}", end.sealed_key, partial(_replace, end))


def _replace(row: Connection | Version, fresh: str) -> int:
    """A key that was typed anew meanwhile is left as it is: the condition no longer holds."""
    rows = type(row)._default_manager.filter(pk=row.pk, sealed_key=row.sealed_key)
    return rows.update(sealed_key=fresh)
