"""One life of a host: its file looked at, its process started, heard, retired or dead."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fusion_site.compact.child import HostChild
from fusion_site.compact.figures import Figures, HostFacts
from fusion_site.compact.files.examining import examine
from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.files.fitting import fit
from fusion_site.compact.files.header import BadFile
from fusion_site.compact.files.proving import warning_of
from fusion_site.compact.files.templates import Templates
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.options import HostOptions
from fusion_site.compact.statefile import Address

RETIRE_WITHIN_S = 900.0  # the longest answers end within that; what has not is cut
# GCC 12 builds llama.cpp so that it sets the tiles of Intel's matrix instructions (AMX) up with zeros: see ops/install.py.
NOT_REPACKED = (
    "The installed llama.cpp crashes in this processor's matrix instructions, so the model is hosted without them, and is slower. "
    "Install llama-cpp-python anew with CXXFLAGS=-fno-dse."
)


@dataclass(frozen=True, slots=True)
class Death:
    """How a life went: its error, whether the file itself was refused, and seconds in service (None: never)."""

    error: str
    refused: bool = False
    served: float | None = None


class Life:
    """A host of `model` from its creation on; `on_change` is called after each change, `task` gives how it ended.

    Everything of it belongs to the running event loop.
    """

    def __init__(
        self,
        model: Path,
        listens: tuple[str, int],
        options: HostOptions | None,
        on_change: Callable[[Life], None],
        templates: Templates | None = None,
    ) -> None:
        self.model = model
        self.address: Address | None = None
        self.model_id: str | None = None
        self.facts: FileFacts | None = None
        self.warning = ""
        self.host: HostFacts | None = None
        self.figures = Figures()
        self._host, self._port = listens
        self._options = options
        self._on_change = on_change
        self._templates = templates
        self._child: HostChild | None = None
        self._ready_at: float | None = None
        self._active_at = time.monotonic()
        self._came_up = asyncio.Event()
        self.task: asyncio.Task[Death] = asyncio.create_task(self._live(), name="life of the Compact host")

    @property
    def is_ready(self) -> bool:
        """Whether it answers, until its end."""
        return self._ready_at is not None and not self.task.done()

    @property
    def idle_s(self) -> float:
        """For how many seconds nobody has asked it anything; 0 while it loads or works."""
        is_idle = self.is_ready and not self.figures.busy and not self.figures.waiting
        return time.monotonic() - self._active_at if is_idle else 0.0

    async def comes_up(self) -> bool:
        """Wait until it answers or is over; whether it answers."""
        ready = asyncio.create_task(self._came_up.wait())
        try:
            await asyncio.wait({ready, self.task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        return self.is_ready

    async def retire(self) -> None:
        """Let it answer what it was asked, and then end it."""
        try:
            if self.is_ready and self._child is not None:
                self._child.drain()
                await asyncio.wait({self.task}, timeout=RETIRE_WITHIN_S)
        finally:
            await self.end()

    async def end(self) -> None:
        """End it now; open answers break."""
        self.task.cancel()
        await asyncio.wait({self.task})

    async def _live(self) -> Death:
        key = secrets.token_urlsafe(32)
        try:
            options = self._settled()
            await self._look_at_file(options)
            death = await self._run(options, key)
            if not options.repack or death.served is not None or not self._met_unknown_instruction:
                return death
            return await self._run_without_repacking(options, key)
        except BadFile as error:
            return Death(str(error), refused=True)
        except ValueError as error:
            return Death(f"A setting of the Compact host is wrong: {error}", refused=True)
        except OSError as error:
            return Death(f"The model process could not be started: {error}")

    async def _run(self, options: HostOptions, key: str) -> Death:
        child = self._child = await HostChild.start(self.model, self._host, self._port, key, options)
        try:
            return await self._listen(child, key)
        finally:
            await child.end()

    async def _run_without_repacking(self, options: HostOptions, key: str) -> Death:
        """Run it once more, without the instructions that the library may have no right use of."""
        before = self.warning
        self._warn(NOT_REPACKED)
        death = await self._run(replace(options, repack=0), key)
        if self._met_unknown_instruction:  # it was not these
            self.warning = before
            self._on_change(self)
        return death

    @property
    def _met_unknown_instruction(self) -> bool:
        return self._child is not None and self._child.met_unknown_instruction

    def _settled(self) -> HostOptions:
        """The options with the template that was set for this very file, if one was."""
        options = self._options or HostOptions.from_environment()
        own = self._templates.of(self.model) if self._templates else None
        return replace(options, template=str(own)) if own else options

    async def _look_at_file(self, options: HostOptions) -> None:
        self.facts = await examine(self.model)
        warnings = [
            fit(self.facts, options, free_bytes()).warning,
            await warning_of(self.facts, options.template),
        ]
        self._warn(*warnings)

    def _warn(self, *warnings: str) -> None:
        self.warning = " ".join(filter(None, (self.warning, *warnings)))
        self._on_change(self)

    async def _listen(self, child: HostChild, key: str) -> Death:
        async for said in child.reports():
            if said.get("state") == "failed":
                return Death(said["error"], refused=self._ready_at is None, served=self._served())
            self._hear(said, child, key)
            self._on_change(self)
        return Death(await child.death(), served=self._served())

    def _hear(self, said: dict[str, Any], child: HostChild, key: str) -> None:
        if "port" in said:
            self.address = Address(self._host, int(said["port"]), key, child.pid)
        elif "figures" in said:
            figures = Figures(**said["figures"])
            self._active_at = time.monotonic() if figures.count != self.figures.count else self._active_at
            self.figures = figures
        elif "facts" in said:
            self.host = HostFacts(**said["facts"])
        elif said.get("state") == "ready":
            self.model_id = said["model"]
            self._ready_at = self._active_at = time.monotonic()
            self._came_up.set()

    def _served(self) -> float | None:
        return None if self._ready_at is None else time.monotonic() - self._ready_at
