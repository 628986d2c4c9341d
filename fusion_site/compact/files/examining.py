"""Reading a strange file's header in a process that may use little and can hurt nobody.

`python -m fusion_site.compact.files.examining FILE` prints what it found as one line of JSON.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from fusion_site.compact.files.confined import confine, run_confined
from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.files.header import BadFile, read_header

WITHIN_S = 30.0
CPU_S = 10
MEMORY = 512 * 1024 * 1024  # beside the file, which is looked at in place and counts as well


async def examine(path: Path) -> FileFacts:
    """What the file says of itself, read in a process of its own; raises `BadFile`."""
    try:
        ended = await run_confined(__name__, str(path), within_s=WITHIN_S)
    except TimeoutError:
        raise BadFile(f"{path.name} cannot be read: its header takes longer than {WITHIN_S:.0f} s") from None
    return _heard(path, ended.code, ended.printed)


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
    size = path.stat().st_size if path.is_file() else 0
    confine(cpu_s=CPU_S, memory=MEMORY + size)
    try:
        told = asdict(read_header(path))
    except BadFile as error:
        told = {"error": str(error)}
    except MemoryError:
        told = {"error": f"{path.name} cannot be read: its header needs more memory than a header may"}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
