"""How many CPU threads a model should compute with, and how they wait for each other."""

from __future__ import annotations

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

SYSTEM = Path("/sys")
CPUINFO = Path("/proc/cpuinfo")
# About 0.2 ms: a spin waits for the instruction `pause`, which is said to last 140 cycles on Intel's processors since Skylake and 40
# to 65 on AMD's. With nothing else running, 3000 cost nothing on two cores whose maker was not noted, and on two of AMD's a tenth
# to a quarter of the rate, most of which came back with 10000.
SPINS, SPINS_ON_INTEL = 10_000, 3000


def usable_cores(system: Path = SYSTEM) -> int:
    """Physical cores this process may use: hyperthreads counted once, affinity and container quota obeyed, at least 1.

    Matrix arithmetic gains nothing from a second thread on one core, and threads over the quota
    are stopped in turn while the others spin at the barrier.
    """
    allowed = _affinity()
    cores = {_siblings(system, cpu) for cpu in allowed}
    quota = _quota(system)
    return max(1, min(len(cores), quota if quota is not None else len(cores)))


def wait_considerately(environment: MutableMapping[str, str], cpuinfo: Path = CPUINFO) -> None:
    """Have threads that wait for each other sleep soon; to be called before llama.cpp is loaded, an operator's choice stays.

    Hundreds of times a token, the threads of llama.cpp wait for the slowest. libgomp lets the others spin for several
    milliseconds each time, which are the very ones that the slowest lacks as soon as anything else runs on its core.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & environment.keys():
        of_intel = cpuinfo.is_file() and "GenuineIntel" in cpuinfo.read_text(
            encoding="utf-8", errors="replace"
        )
        environment["GOMP_SPINCOUNT"] = str(SPINS_ON_INTEL if of_intel else SPINS)


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _siblings(system: Path, cpu: int) -> str:
    """The name of the core that `cpu` is a thread of; a system that does not tell has one thread per core."""
    listing = system / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
    return listing.read_text().strip() if listing.is_file() else str(cpu)


def _quota(system: Path) -> int | None:
    """Whole CPUs that the container may use (cgroup v2), None without a limit."""
    limit = system / "fs/cgroup/cpu.max"
    if not limit.is_file():
        return None
    quota, period = limit.read_text().split()
    return None if quota == "max" else math.ceil(int(quota) / int(period))
