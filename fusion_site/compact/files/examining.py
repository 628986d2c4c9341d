"""Reading a strange file's header in a process that may use little and can hurt nobody.

`python -m fusion_site.compact.files.examining FILE` prints what it found as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from fusion_site.compact.child import environment
from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.files.header import BadFile, read_header

WITHIN_S = 30.0
CPU_S = 10
MEMORY = 512 * 1024 * 1024  # beside the file, which is looked at in place and counts as well


async def examine(path: Path) -> FileFacts:
    """What the file says of itself, read in a process of its own; raises `BadFile`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fusion_site.compact.files.examining", str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(os.environ, ""),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            printed, _ = await process.communicate()
    except TimeoutError:
        raise BadFile(f"{path.name} cannot be read: its header takes longer than {WITHIN_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _heard(path, process.returncode or 0, printed)


def _heard(path: Path, code: int, printed: bytes) -> FileFacts:
    if code < 0:
        raise BadFile(
            f"{path.name} made the process that reads its header crash ({signal.Signals(-code).name})"
        )
    try:
        told = json.loads(printed)
    except ValueError:
        raise BadFile(f"{path.name} made the process that reads its header fail") from None
    if "error" in told:
        raise BadFile(told["error"])
    return FileFacts.from_plain(told)


def main(path: Path) -> None:
    """Read one header under limits of processor time, memory, files and processes."""
    _limit(resource.RLIMIT_CPU, CPU_S)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    size = path.stat().st_size if path.is_file() else 0
    _limit(resource.RLIMIT_AS, MEMORY + size)
    try:
        told = asdict(read_header(path))
    except BadFile as error:
        told = {"error": str(error)}
    except MemoryError:
        told = {"error": f"{path.name} cannot be read: its header needs more memory than a header may"}
    sys.stdout.write(json.dumps(told))


def _limit(kind: int, most: int) -> None:
    """Lower one limit for good; where the system has set a lower one, that stays."""
    _, ceiling = resource.getrlimit(kind)
    bound = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
    resource.setrlimit(kind, (bound, bound))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
