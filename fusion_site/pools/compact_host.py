"""How this machine's Compact host is, for pages and for asks."""

from __future__ import annotations

from django.conf import settings

from fusion_site.compact.statefile import read_state_file
from fusion_site.compact.supervisor import CompactStatus, CompactSupervisor

_supervisor: CompactSupervisor | None = None


def supervised_by(supervisor: CompactSupervisor | None) -> None:
    """Learn of the supervisor that runs in this process; `manage.py serve` says so, and takes it back with None."""
    global _supervisor  # one host per machine, and one process that runs it
    _supervisor = supervisor


def status() -> CompactStatus:
    """Give the host's status: all of it in the process that supervises it, elsewhere what the state file tells.

    A state file is there from the moment the host listens until it ends, so from elsewhere a host that still loads its
    model reads as ready; an ask to it is answered when it is.
    """
    if _supervisor is not None:
        return _supervisor.status()
    address = read_state_file(settings.FUSION_COMPACT_STATE)
    return CompactStatus(state="ready", address=address) if address else CompactStatus()
