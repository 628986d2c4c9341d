"""Whether this process is about to end: from SIGTERM on it takes no new work, and says so to whoever asks."""

from __future__ import annotations

# What a program is told to wait before it asks again, in seconds: by then a successor serves.
RETRY_AFTER_S = 5

_draining = False


class Draining(Exception):
    """The process is about to end, and nothing was begun."""

    def __init__(self) -> None:
        super().__init__("The site is being restarted. Try again in a few seconds.")


def begin_draining() -> None:
    """Take no new work from now on; there is no way back but a new process."""
    global _draining
    _draining = True


def is_draining() -> bool:
    """Whether the process is about to end."""
    return _draining


def refuse_while_draining() -> None:
    """Raise Draining if the process is about to end."""
    if _draining:
        raise Draining
