"""What the benches of runs read: the processor time and memory of a process, and how late text reaches a page."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.bench.timed import STAMP

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Give the processor time that a process has used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mib(pid: int) -> float:
    """Give the memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Page:
    """A run's page: notes how late each stamp in its text comes, as (seconds since the start, seconds late)."""

    def __init__(self) -> None:
        self.lags: list[tuple[float, float]] = []
        self.received = 0
        self._begun = time.monotonic()
        self._newest = self._begun

    def take(self, frame: str) -> None:
        """Read one frame. A stamp that was seen before, or was due before the page was opened, tells nothing."""
        now = time.monotonic()
        self.received += len(frame)
        due = [float(stamp) for stamp in STAMP.findall(frame)]
        self.lags += [(now - self._begun, now - at) for at in due if at > self._newest]
        self._newest = max([self._newest, *due])


@asynccontextmanager
async def pages(site_url: str, cookie: str, runs: list[str]) -> AsyncIterator[list[Page]]:
    """Open the pages of runs over their WebSockets, and close them at the end."""
    watched = [Page() for _ in runs]

    async def read(run: str, page: Page) -> None:
        address = f"{site_url.replace('http', 'ws', 1)}/ws/runs/{run}/"
        async with connect(
            address, origin=Origin(site_url), additional_headers={"Cookie": cookie}, max_size=None
        ) as socket:
            async for frame in socket:
                page.take(str(frame))

    readers = [asyncio.create_task(read(run, page)) for run, page in zip(runs, watched, strict=True)]
    try:
        yield watched
    finally:
        for reader in readers:
            reader.cancel()
        failed = [
            r for r in await asyncio.gather(*readers, return_exceptions=True) if isinstance(r, Exception)
        ]
        assert not failed, failed
