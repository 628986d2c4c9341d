"""Work on strangers' files, done by a process that may use little and can hurt nobody."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from dataclasses import dataclass

from fusion_site.compact.child import environment


@dataclass(frozen=True, slots=True)
class Ended:
    """How such a process ended: its exit code, below 0 the signal that ended it, and what it printed."""

    code: int
    printed: bytes


async def run_confined(module: str, *arguments: str, given: bytes = b"", within_s: float) -> Ended:
    """Run a module of ours on its own, with `given` on its standard input; `TimeoutError` after that time."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(os.environ, ""),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within_s):
            printed, _ = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ended(process.returncode or 0, printed)


def confine(*, cpu_s: int, memory: int) -> None:
    """Limit this process for good: seconds of processor time, bytes of address space, and no file to be written."""
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_AS, memory)


def _limit(kind: int, most: int) -> None:
    """Lower one limit; where the system has set a lower one, that stays."""
    _, ceiling = resource.getrlimit(kind)
    bound = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
    resource.setrlimit(kind, (bound, bound))
