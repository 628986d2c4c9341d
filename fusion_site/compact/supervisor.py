"""Keeps one Compact host running, changes its model without dropping an answer, and tells at any time how it is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fusion_site.compact.backoff import Backoff, pause, signature_of
from fusion_site.compact.coming import Coming
from fusion_site.compact.figures import History, Rate
from fusion_site.compact.files.examining import examine
from fusion_site.compact.files.fitting import fit
from fusion_site.compact.files.header import BadFile
from fusion_site.compact.files.templates import Templates
from fusion_site.compact.life import Death, Life
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.options import HostOptions
from fusion_site.compact.statefile import publish, withdraw
from fusion_site.compact.status import CompactStatus, State

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.5  # how often to look whether the host is idle
__all__ = ["Backoff", "CompactStatus", "CompactSupervisor", "State"]


class CompactSupervisor:
    """Runs the host for `model` in a child process from `start` to `stop`; nothing that happens to it raises here.

    All methods belong to one event loop, but `status`, `rates` and `wake` may be called from anywhere. `state_file`, if
    given, tells other processes of this machine where the host is. Without `options` those of the environment are taken;
    a file that `templates` has one for is hosted with that chat template.
    After `idle_s` seconds without an ask its memory is freed until the next one; 0 keeps it.
    """

    def __init__(
        self,
        model: Path | None,
        state_file: Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        options: HostOptions | None = None,
        backoff: Backoff | None = None,
        idle_s: float = 0,
        templates: Templates | None = None,
    ) -> None:
        self.idle_s = idle_s
        self._model = model.absolute() if model else None
        self._state_file = state_file
        self._listens = (host, port)
        self._options = options
        self._templates = templates
        self._backoff = backoff or Backoff()
        self._status = CompactStatus(file=self._model)
        self._history = History()
        self._changed = asyncio.Event()
        self._woken = asyncio.Event()
        self._swapping = asyncio.Lock()
        self._coming = Coming(lambda name: self._become(incoming=name, incoming_share=None))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._life: Life | None = None
        self._dozing = False
        self._chores: set[asyncio.Task[None]] = set()

    def status(self) -> CompactStatus:
        """How the host is now."""
        return self._status

    def rates(self) -> list[Rate]:
        """How fast it wrote and read over the last minutes."""
        return self._history.rates(time.monotonic())

    async def start(self) -> None:
        """Begin to keep the host running; returns at once, `status` tells the rest. Without a model there is nothing to do."""
        self._loop = asyncio.get_running_loop()
        if self._task is None and self._model is not None:
            self._become(state="loading", error=None, error_at=None, restarts=0, file=self._model)
            self._keep(None)

    async def stop(self) -> None:
        """End the host and forget about it; open answers break."""
        for chore in list(self._chores):
            chore.cancel()
        if self._chores:
            await asyncio.wait(self._chores)
        await self._let_go()
        if self._life is not None:
            await self._life.end()
            self._unpublish()
            self._life = None
        self._status = CompactStatus(file=self._model)
        self._become()

    async def swap(self, model: Path) -> bool:
        """Host another file from now on; comes back when it answers, or when it is known that it will not.

        False where it could not take over, so that the old one is the hosted one still.
        Answers that are being written are written to their end by the old host. Where both fit in memory, the old one serves
        until the new one is ready, and goes on if that fails; else it ends first, and asks wait meanwhile.
        """
        model = model.absolute()
        is_off = self._task is None
        with nullcontext() if is_off else self._coming.announced(model.name):
            async with self._swapping:
                await self._change_to(model)
        await self.wait_until(lambda status: status.state in {"ready", "failed", "off"})
        return self._model == model

    def wake(self) -> None:
        """Load the model again if it was unloaded since nobody asked."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    def begin_swap(self, model: Path, refused: Callable[[], Awaitable[object]]) -> None:
        """Swap without waiting for it; a `stop` ends it. `refused` is called if the old file stays."""
        self._in_background(self._change(model, refused), "change of the Compact model")

    def begin_reload(self) -> None:
        """Load the same file again, with what was set for it since, without waiting for that; one that is off stays off."""
        if self._task is not None and self._model is not None:
            self._in_background(self._change(self._model), "reload of the Compact model")

    async def wait_for(self, *states: State) -> CompactStatus:
        """The status as soon as its state is one of `states`."""
        return await self.wait_until(lambda status: status.state in states)

    async def wait_until(self, is_so: Callable[[CompactStatus], bool]) -> CompactStatus:
        """The status as soon as that is so of it."""
        while not is_so(self._status):
            await self._changed.wait()
        return self._status

    async def _change(self, model: Path, refused: Callable[[], Awaitable[object]] | None = None) -> None:
        has_taken_over = await self.swap(model)
        if not has_taken_over and refused is not None:
            await refused()

    async def _change_to(self, model: Path) -> None:
        if self._task is None:
            self._model = model
            await self.start()
        elif self._life is not None and self._life.is_ready and await self._fits_beside(model):
            await self._take_over(model)
        else:
            await self._replace(model)

    def _keep(self, life: Life | None) -> None:
        self._task = asyncio.create_task(self._supervise(life), name="compact supervisor")
        self._task.add_done_callback(self._given_up)

    async def _let_go(self) -> None:
        """Supervise no longer; the life that was supervised goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _supervise(self, life: Life | None) -> None:
        crashes = 0
        while True:
            assert self._model is not None
            seen = signature_of(self._model)
            life = self._life = life or self._begin(self._model)
            self._dozing = False
            death = await self._outlive(life)
            self._unpublish()
            life = None
            if self._dozing:
                await self._sleep()
                continue
            crashes = 1 if death.served is not None and death.served >= self._backoff.steady else crashes + 1
            log.warning("Compact host for %s: %s", self._model.name, death.error)
            state: State = "failed" if death.served is None else "restarting"
            self._failed(death.error, state=state, address=None)
            await pause(
                self._backoff.most if death.refused else self._backoff.delay(crashes), self._model, seen
            )
            self._become(state="loading", restarts=self._status.restarts + 1)

    def _begin(self, model: Path) -> Life:
        return Life(model, self._listens, self._options, self._noticed, self._templates)

    async def _outlive(self, life: Life) -> Death:
        """Wait for the end of a life, which is brought about here when nobody needs it any more."""
        watch = asyncio.create_task(self._doze_when_idle(life))
        try:
            return await asyncio.shield(life.task)
        finally:
            watch.cancel()

    async def _doze_when_idle(self, life: Life) -> None:
        while not self.idle_s or life.idle_s < self.idle_s:
            await asyncio.sleep(LOOK_SECONDS)
        self._dozing = True
        self._woken.clear()
        self._become(state="draining")
        await life.retire()

    async def _sleep(self) -> None:
        self._become(state="asleep", address=None)
        await self._woken.wait()
        self._become(state="loading")

    def _given_up(self, task: asyncio.Task[None]) -> None:
        """Only a defect in this class ends the task by itself: say so instead of showing an old status for ever."""
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("The supervisor of the Compact host failed", exc_info=defect)
            self._failed(f"The supervisor itself failed: {defect!r}", state="failed", address=None)

    async def _fits_beside(self, model: Path) -> bool:
        """Whether another model has room while this one stays. Its weights, mapped from its file, count as free memory."""
        assert self._life is not None
        try:
            facts = await examine(model)
        except BadFile:
            return True  # it will be refused, and the old one goes on
        own = self._life.facts.file_size if self._life.facts else 0
        options = self._options or HostOptions.from_environment()
        return fit(facts, options, free_bytes() - own).need <= free_bytes() - own

    async def _take_over(self, model: Path) -> None:
        """Bring the new host up beside the old one, then let that answer to the end what it was asked."""
        successor = self._begin(model)
        try:
            if not await successor.comes_up():
                self._failed(f"{model.name} was not put into service: {successor.task.result().error}")
                return
            await self._let_go()
            old, self._life, self._model = self._life, successor, model
            self._history.begin()
            self._become(error=None, error_at=None)
            self._noticed(successor)
            self._keep(successor)
            if old is not None:
                self._in_background(old.retire(), "retirement of a Compact host")
        finally:
            if successor is not self._life:
                await successor.end()

    async def _replace(self, model: Path) -> None:
        """End the old host once it has answered, then load the new file."""
        await self._let_go()
        self._become(state="draining")
        if self._life is not None:
            await self._life.retire()
            self._unpublish()
        self._model, self._life = model, None
        self._become(state="loading", error=None, error_at=None, address=None)
        self._become(file=model, facts=None, host=None)
        self._keep(None)

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        chore = asyncio.create_task(work, name=name)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    def _noticed(self, life: Life) -> None:
        """Take over what a life tells, if it is the one in service; of the one to come, how much of it is loaded."""
        if life is not self._life:
            if life.model.name == self._status.incoming and not life.is_ready:
                self._become(incoming_share=life.figures.progress)
            return
        if life.figures.count < self._status.figures.count or not life.is_ready:
            self._history.begin()
        self._history.take(life.figures, time.monotonic())
        changes: dict[str, Any] = {
            "file": life.model,
            "facts": life.facts,
            "warning": life.warning,
            "host": life.host,
            "figures": life.figures,
        }
        if life.address != self._status.address:
            changes["address"] = life.address
            if self._state_file is not None and life.address is not None:
                publish(self._state_file, life.address)
        if life.is_ready and self._status.state != "draining":
            changes |= {"state": "ready", "model_id": life.model_id}
        self._become(**changes)

    def _unpublish(self) -> None:
        if self._state_file is not None and self._status.address is not None:
            withdraw(self._state_file, self._status.address)

    def _failed(self, error: str, **changes: Any) -> None:
        self._become(error=error, error_at=datetime.now(UTC), **changes)

    def _become(self, **changes: Any) -> None:
        self._status = replace(self._status, **changes)
        self._changed.set()
        self._changed = asyncio.Event()
