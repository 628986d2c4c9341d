"""Keeps one Compact host running, and tells at any time how it is."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fusion_site.compact.child import HostChild
from fusion_site.compact.options import HostOptions
from fusion_site.compact.statefile import Address, remove_state_file, write_state_file

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.5  # how often to look whether the model file was replaced, while the host is down
State = Literal["off", "loading", "ready", "failed", "restarting"]


@dataclass(frozen=True, slots=True)
class CompactStatus:
    """How the host is; `error` is the last one in a person's words, kept until the host is ready again.

    `failed` means that the model did not get as far as ready, `restarting` that it died in service. Both are tried
    again by themselves. The address is known from `loading` on.
    """

    state: State = "off"
    model_id: str | None = None
    error: str | None = None
    address: Address | None = None
    restarts: int = 0

    @property
    def key(self) -> str | None:
        """The bearer key of this life of the host."""
        return self.address.key if self.address else None


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the host is started again: `first`, doubled after each crash up to `most`, and anew once it ran `steady`."""

    first: float = 0.5
    most: float = 60.0
    steady: float = 60.0

    def delay(self, crashes: int) -> float:
        """The pause after so many crashes in a row, counted from 1."""
        return min(self.most, self.first * 2.0 ** min(crashes - 1, 30))


@dataclass(frozen=True, slots=True)
class Life:
    """How one life of the host went: its error, whether it refused the file itself, and seconds in service (None: never)."""

    error: str
    refused: bool
    served: float | None = None


class CompactSupervisor:
    """Runs the host for `model` in a child process from `start` to `stop`; nothing that happens to it raises here.

    All methods belong to one event loop, but `status` may be read from anywhere. `state_file`, if given, tells other
    processes of this machine where the host is. Without `options` those of the environment are taken.
    """

    def __init__(
        self,
        model: Path,
        state_file: Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        options: HostOptions | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._model = model.absolute()
        self._state_file = state_file
        self._host, self._port = host, port
        self._options = options
        self._backoff = backoff or Backoff()
        self._status = CompactStatus()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def status(self) -> CompactStatus:
        """How the host is now."""
        return self._status

    async def start(self) -> None:
        """Begin to keep the host running; returns at once, `status` tells the rest."""
        if self._task is None:
            self._become(state="loading", error=None, restarts=0)
            self._task = asyncio.create_task(self._supervise(), name="compact supervisor")
            self._task.add_done_callback(self._given_up)

    async def stop(self) -> None:
        """End the host and forget about it; open answers break."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            self._become(state="off", model_id=None, error=None, address=None)

    async def wait_for(self, *states: State) -> CompactStatus:
        """The status as soon as its state is one of `states`."""
        while self._status.state not in states:
            await self._changed.wait()
        return self._status

    async def _supervise(self) -> None:
        crashes = 0
        while True:
            seen = self._signature()
            life = await self._live()
            crashes = 1 if life.served is not None and life.served >= self._backoff.steady else crashes + 1
            log.warning("Compact host for %s: %s", self._model.name, life.error)
            state: State = "failed" if life.served is None else "restarting"
            self._become(state=state, error=life.error, address=None)
            await self._pause(self._backoff.most if life.refused else self._backoff.delay(crashes), seen)
            self._become(state="loading", restarts=self._status.restarts + 1)

    def _given_up(self, task: asyncio.Task[None]) -> None:
        """Only a defect in this class ends the task by itself: say so instead of showing an old status for ever."""
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("The supervisor of the Compact host failed", exc_info=defect)
            self._become(state="failed", error=f"The supervisor itself failed: {defect!r}", address=None)

    async def _pause(self, seconds: float, seen: object) -> None:
        """Wait, but not once the model file has changed: that is what a person does who was told it is broken."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self._signature() == seen:
            await asyncio.sleep(min(left, LOOK_SECONDS))

    def _signature(self) -> object:
        try:
            stat = self._model.stat()
        except OSError as error:
            return error.errno
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    async def _live(self) -> Life:
        """Start the host and listen to it until it dies."""
        key = secrets.token_urlsafe(32)
        try:
            options = self._options or HostOptions.from_environment()
            child = await HostChild.start(self._model, self._host, self._port, key, options)
        except ValueError as error:
            return Life(f"A setting of the Compact host is wrong: {error}", refused=True)
        except OSError as error:
            return Life(f"The model process could not be started: {error}", refused=False)
        try:
            return await self._listen(child, key)
        finally:
            await child.end()
            self._unpublish()

    async def _listen(self, child: HostChild, key: str) -> Life:
        ready_at: float | None = None
        async for report in child.reports():
            if "port" in report:
                self._publish(Address(self._host, int(report["port"]), key, child.pid))
            elif report.get("state") == "ready":
                ready_at = time.monotonic()
                self._become(state="ready", model_id=report["model"], error=None)
            elif report.get("state") == "failed":
                return Life(report["error"], refused=ready_at is None, served=_since(ready_at))
        return Life(await child.death(), refused=False, served=_since(ready_at))

    def _publish(self, address: Address) -> None:
        self._become(address=address)
        if self._state_file is not None:
            try:
                write_state_file(self._state_file, address)
            except OSError as error:
                log.error("Other processes cannot find the Compact host: %s", error)

    def _unpublish(self) -> None:
        address = self._status.address
        if self._state_file is not None and address is not None:
            try:
                remove_state_file(self._state_file, address)
            except (OSError, ValueError) as error:
                log.error("The Compact host's state file could not be removed: %s", error)

    def _become(self, **changes: Any) -> None:
        self._status = replace(self._status, **changes)
        self._changed.set()
        self._changed = asyncio.Event()


def _since(moment: float | None) -> float | None:
    return None if moment is None else time.monotonic() - moment
