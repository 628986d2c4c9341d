"""When a process looks for garbage: hardly while it starts, for nearly all that is made then stays, and not as it ends."""

from __future__ import annotations

import atexit
import gc

_USUAL = gc.get_threshold()
# So many objects are made before the next look. A start makes some hundred thousand.
_OF_A_START = 50_000


def spare_the_start() -> None:
    """Look seldom until `is_started`, and not when the process ends: together a third of what a start and an end take."""
    gc.set_threshold(_OF_A_START, *_USUAL[1:])
    atexit.register(gc.freeze)


def is_started() -> None:
    """Look as often as is usual, but never again through what has been made until now."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
