"""A bound on how often one address may follow links that lead nowhere: tokens are not to be found by trying."""

from __future__ import annotations

import logging
from time import time

from django.core.cache import cache

from fusion_site.accounts.whence import whence

log = logging.getLogger(__name__)

# So many links that lead nowhere may be followed from one address in a minute of the clock.
MISSES = 60
_WINDOW_S = 60


def may_guess() -> bool:
    """Whether the address that asks now may be told whether there is a link. Where it is not known, or the cache away, it may."""
    key = _key()
    try:
        return key is None or int(cache.get(key) or 0) < MISSES
    except Exception:
        log.warning("the cache is away: links that lead nowhere are not counted")
        return True


def note_miss() -> None:
    """Count a link that led nowhere."""
    key = _key()
    if key is None:
        return
    try:
        # Made first where it is missing: only then can it be counted on without losing another's count.
        cache.add(key, 0, 2 * _WINDOW_S)
        cache.incr(key)
    except Exception:
        log.warning("the cache is away: links that lead nowhere are not counted")


def _key() -> str | None:
    known = whence()
    address = known.address() if known else ""
    return f"share-misses:{address}:{int(time()) // _WINDOW_S}" if address else None
