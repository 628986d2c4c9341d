"""How this machine's Compact host is, for pages and for asks."""

from __future__ import annotations

from django.conf import settings

from fusion_site.compact.figures import Rate
from fusion_site.compact.files.errands import Errands
from fusion_site.compact.statefile import read_state_file
from fusion_site.compact.status import CompactStatus
from fusion_site.compact.supervisor import CompactSupervisor

_supervisor: CompactSupervisor | None = None
_errands: Errands | None = None


def supervised_by(supervisor: CompactSupervisor | None, errands: Errands | None = None) -> None:
    """Learn of the supervisor that runs in this process, and of who fetches files; `manage.py serve` says so, and takes it back."""
    global _supervisor, _errands  # one host per machine, and one process that runs it
    _supervisor, _errands = supervisor, errands


def supervisor() -> CompactSupervisor | None:
    """Give the supervisor, in the process that has it."""
    return _supervisor


def errands() -> Errands | None:
    """Give who fetches files, in the process that has the supervisor."""
    return _errands


def status() -> CompactStatus:
    """Give the host's status: all of it in the process that supervises it, elsewhere what the state file tells.

    A state file is there from the moment the host listens until it ends, so from elsewhere a host that still loads its
    model reads as ready; an ask to it is answered when it is.
    """
    if _supervisor is not None:
        return _supervisor.status()
    address = read_state_file(settings.FUSION_COMPACT_STATE)
    return CompactStatus(state="ready", address=address) if address else CompactStatus()


def rates() -> list[Rate]:
    """Give how fast it was over the last minutes, in the process that supervises it; nothing elsewhere."""
    return _supervisor.rates() if _supervisor is not None else []


def wake() -> None:
    """Load the model again if it was unloaded since nobody asked."""
    if _supervisor is not None:
        _supervisor.wake()
