"""Fetches that the site sends out: each in a process of its own, one at a time, told of while it goes on."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from fusion_site.compact.child import environment
from fusion_site.compact.files.offer import Offer, PullFailed
from fusion_site.compact.files.progress import Progress

log = logging.getLogger(__name__)
LOOK_WITHIN_S = 60.0
GRACE_S = 5.0
# What leads to a hub from behind a company's proxy.
_WAY_OUT = re.compile(r"(https?|all|no)_proxy|ssl_cert_(file|dir)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where files come from and go to."""

    url: str
    folder: Path
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Errand:
    """The newest fetch: of what, for whom, how far, and how it ended."""

    offer: Offer
    accepted_by: str
    state: Literal["running", "done", "failed", "stopped"] = "running"
    progress: Progress | None = None
    message: str = ""


class Errands:
    """Looks files up and fetches them; belongs to one event loop. What is cut by the site's end is gone on with next time."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._task: asyncio.Task[None] | None = None
        self.newest: Errand | None = None

    async def look(self, source: str) -> Offer:
        """What can be had under that source; raises `PullFailed`."""
        try:
            async with asyncio.timeout(LOOK_WITHIN_S), self._told(do="look", source=source) as lines:
                async for line in lines:
                    if "failed" in line:
                        raise PullFailed(line["failed"])
                    return Offer.from_plain(line["offer"])
        except TimeoutError:
            raise PullFailed(f"The hub did not answer within {LOOK_WITHIN_S:.0f} s.") from None
        raise PullFailed("The process that looks files up ended without a word; the site's log may say why.")

    def fetch(self, offer: Offer, accepted_by: str) -> Errand:
        """Begin to fetch; raises `PullFailed` while another fetch goes on."""
        if self._task is not None and not self._task.done():
            raise PullFailed("Another file is being fetched; wait for it or stop it.")
        begun = self.newest = Errand(offer, accepted_by)
        self._task = asyncio.create_task(self._fetch(begun), name="fetch of a model file")
        return begun

    async def stop(self) -> None:
        """End a fetch that goes on; what came is kept."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
            if self.newest is not None:
                name = self.newest.offer.name
                message = f"The fetch of {name} was stopped. What came is kept, and can be gone on with."
                self._become(state="stopped", message=message)

    async def _fetch(self, errand: Errand) -> None:
        offer = errand.offer
        order = {
            "do": "pull",
            "source": offer.source,
            "commit": offer.commit,
            "licence": offer.licence.id,
            "accepted_by": errand.accepted_by,
        }
        try:
            async with self._told(**order) as lines:
                async for line in lines:
                    self._hear(line)
        except OSError as error:
            message = f"The process that was to fetch {offer.name} could not be started: {error}."
            self._become(state="failed", message=message)
        if self.newest is not None and self.newest.state == "running":
            message = f"The process that fetched {offer.name} ended without a word. What came is kept."
            self._become(state="failed", message=message)

    def _hear(self, line: dict[str, Any]) -> None:
        if "progress" in line:
            self._become(progress=Progress(**line["progress"]))
        elif "failed" in line:
            self._become(state="failed", message=line["failed"])
        elif "done" in line:
            self._become(state="done")

    def _become(self, **changes: Any) -> None:
        if self.newest is not None:
            self.newest = replace(self.newest, **changes)

    @asynccontextmanager
    async def _told(self, **order: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """What a process says that was given this order; it ends with the block."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fusion_site.compact.files"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )
        assert process.stdin is not None
        place = {"url": self._place.url, "folder": str(self._place.folder), "token": self._place.token}
        try:
            process.stdin.write(json.dumps({**place, **order}).encode() + b"\n")
            yield _lines(process)
        finally:
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a process by ending its input, so that one which ends by itself just now is not signalled; by force if it stays."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, Any]]:
    assert process.stdout is not None
    async for line in process.stdout:
        yield json.loads(line)


def _environment() -> dict[str, str]:
    way_out = {name: value for name, value in os.environ.items() if _WAY_OUT.fullmatch(name)}
    return environment(os.environ, "") | way_out
