"""The host as a child process: started, heard, ended, and its death explained."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self

import fusion_site
from fusion_site.compact.large_pages import VARIABLE, WANTED
from fusion_site.compact.options import HostOptions

log = logging.getLogger(__name__)
TAIL_BYTES = 8192
GRACE_SECONDS = 3.0
# The child reads a file from strangers, so it gets none of the site's secrets.
PASSED_ON = re.compile(
    r"PATH|HOME|LANG|TMPDIR|TZ|GLIBC_TUNABLES|LD_\w+|DYLD_\w+|LC_\w+|(CUDA|GGML|GOMP|HIP|LLAMA|OMP|ROC\w*|VK)_\w+"
)


class HostChild:
    """One life of the host process; it ends with this process, because it watches a pipe that only we hold."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail = b""
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, model: Path, host: str, port: int, key: str, options: HostOptions) -> Self:
        """Start a host for `model`; `OSError` if the system cannot."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fusion_site.compact", "--lifeline", "--report"),
            *(f"--model={model}", f"--host={host}", f"--port={port}", *options.arguments()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(os.environ, key),
            start_new_session=True,  # Ctrl+C in the terminal is for the site, which then ends its child
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def reports(self) -> AsyncIterator[dict[str, Any]]:
        """What the host says of itself, until it dies."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                yield json.loads(line)
            except ValueError:
                self._remember(line)

    async def death(self) -> str:
        """Wait for the end, and say in one line how it came."""
        await self._listening
        return explain(await self._process.wait(), self._tail.decode("utf-8", "replace"))

    @property
    def met_unknown_instruction(self) -> bool:
        """Whether it died of an instruction that this processor does not take."""
        return self._process.returncode == -signal.SIGILL

    def drain(self) -> None:
        """Let the process answer what it was asked, and then end by itself."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(b"drain\n")

    async def end(self) -> None:
        """End the process, by force if it does not go."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while part := await self._process.stderr.read(4096):
            self._remember(part)

    def _remember(self, part: bytes) -> None:
        self._tail = (self._tail + part)[-TAIL_BYTES:]
        log.debug("host: %s", part.decode("utf-8", "replace").rstrip())


def environment(ours: Mapping[str, str], key: str) -> dict[str, str]:
    """The child's environment: what libraries need, our import path, and the key."""
    passed = {VARIABLE: WANTED} | {name: value for name, value in ours.items() if PASSED_ON.fullmatch(name)}
    root = str(Path(fusion_site.__file__).parents[1])
    # Without the last one an assertion in llama.cpp starts a debugger before it lets the process die.
    return {**passed, "PYTHONPATH": root, "FUSION_COMPACT_KEY": key, "GGML_NO_BACKTRACE": "1"}


def explain(code: int, tail: str) -> str:
    """One sentence on how a process ended, from its exit code and the end of what it wrote to stderr."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    telling = [
        line for line in lines if re.search(r"assert|error|fail|abort|out of memory", line, re.IGNORECASE)
    ]
    last = re.sub(
        r"\S*/(\w+\.\w+:\d+)", r"\1", (telling or lines or [""])[-1]
    )  # where it was built means nothing here
    how = f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        how = "was killed (SIGKILL); on a machine that is short of memory the system does this"
    elif code == -signal.SIGILL:
        how = "crashed (SIGILL): llama.cpp uses an instruction that this processor does not take; install it anew on this machine"
    elif code < 0:
        how = f"crashed ({signal.Signals(-code).name})"
    return f"The model process {how}: {last}" if last else f"The model process {how}."
