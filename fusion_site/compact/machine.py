"""What memory this machine has."""

from __future__ import annotations

import os
from pathlib import Path

MEMINFO = Path("/proc/meminfo")


def free_bytes(meminfo: Path = MEMINFO) -> int:
    """Bytes of main memory that can be had without swapping; where the system does not tell, all there is."""
    if meminfo.is_file():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def resident_bytes(status: Path = Path("/proc/self/statm")) -> int | None:
    """Bytes of main memory that this process has; None where the system does not tell."""
    if not status.is_file():
        return None
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
