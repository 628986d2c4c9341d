"""How a command that waits for a run ends, as scripts read it."""

from __future__ import annotations

FAILED = 1
NOT_STARTED = 2
STOPPED = 3
# What became of the run is not known here: it was left, or the site could not be reached any more.
LEFT = 4

_STATUSES = {"done": 0, "cancelled": STOPPED}


def status_of(state: str) -> int:
    """Give the exit status for a run that ended in this state."""
    return _STATUSES.get(state, FAILED)
