"""A bound on how often one address may follow links that lead nowhere: tokens are not to be found by trying."""

from __future__ import annotations

from time import time

from django.core.cache import cache

from fusion_site.accounts.whence import whence

# So many links that lead nowhere may be followed from one address in a minute of the clock.
MISSES = 60
_WINDOW_S = 60


def may_guess() -> bool:
    """Whether the address that asks now may be told whether there is a link. Where it is not known, it may."""
    key = _key()
    return key is None or int(cache.get(key) or 0) < MISSES


def note_miss() -> None:
    """Count a link that led nowhere."""
    key = _key()
    if key is None:
        return
    # Made first where it is missing: only then can it be counted on.
    cache.add(key, 0, 2 * _WINDOW_S)
    cache.incr(key)


def _key() -> str | None:
    known = whence()
    address = known.address() if known else ""
    return f"share-misses:{address}:{int(time()) // _WINDOW_S}" if address else None
