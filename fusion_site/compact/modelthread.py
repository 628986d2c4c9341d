"""The one thread that loads the model and computes with it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fusion_site.compact.context import Context
from fusion_site.compact.failures import not_ready
from fusion_site.compact.generation import Post
from fusion_site.compact.options import HostOptions
from fusion_site.compact.scheduler import Broken, Scheduler
from fusion_site.compact.weights import LoadedModel, UnusableModel, load

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hosted:
    """A model that is ready to answer."""

    model: LoadedModel
    scheduler: Scheduler
    context: Context
    options: HostOptions


@dataclass(slots=True)
class HostState:
    """What the door knows of the model; changed on the event loop only."""

    name: Literal["loading", "ready", "failed"] = "loading"
    reason: str | None = None
    hosted: Hosted | None = None
    progress: float = 0.0

    def ready(self) -> Hosted:
        """The model, if it can be asked now; else a 503."""
        if self.name != "ready" or self.hosted is None:
            raise not_ready(self.name, self.reason)
        return self.hosted


class ModelThread:
    """Runs everything of llama.cpp that computes in one operating-system thread.

    libgomp keeps a pool of workers per calling thread; with two pools it counts more threads than
    cores and blocks at every barrier. `on_change` runs on the event loop after each change of `state`.
    """

    def __init__(self, path: Path, options: HostOptions, on_change: Callable[[HostState], None]) -> None:
        self.state = HostState()
        self._path = path
        self._options = options
        self._on_change = on_change
        self._post = Post(asyncio.get_running_loop())
        self._scheduler: Scheduler | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    async def stop(self) -> None:
        """End every answer within one step, or the load, free the model and wait for the thread."""
        self._stopping.set()  # before looking for the scheduler: the thread looks the other way round
        if self._scheduler:
            self._scheduler.stop()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            self._serve()
        except (UnusableModel, Broken) as error:
            self._tell(HostState("failed", str(error)))
        except Exception as error:
            log.exception("The model thread ended")
            self._tell(HostState("failed", f"unexpected {type(error).__name__}: {error}"))

    def _serve(self) -> None:
        model = load(self._path, self._options, on_progress=self._loading)
        try:
            context = Context(model, self._options)
            try:
                context.warm_up()
                self._answer(model, context)
            finally:
                context.free()
        finally:
            model.free()

    def _loading(self, progress: float) -> bool:
        """Note how much is loaded, from 0 to 1; False ends the load."""
        self.state.progress = progress
        return not self._stopping.is_set()

    def _answer(self, model: LoadedModel, context: Context) -> None:
        scheduler = self._scheduler = Scheduler(context, model.vocabulary, self._options, self._post)
        self._tell(HostState("ready", hosted=Hosted(model, scheduler, context, self._options), progress=1.0))
        reason = "it is stopping"
        try:
            if not self._stopping.is_set():
                scheduler.run()
        except Broken as error:
            reason = str(error)
            raise
        finally:
            self._close(scheduler, reason)

    def _close(self, scheduler: Scheduler, reason: str) -> None:
        """Close the scheduler on the event loop, where requests come in, before the model goes."""
        closed = threading.Event()

        def close() -> None:
            scheduler.close(reason)
            closed.set()

        self._post.call(close)
        closed.wait()

    def _tell(self, state: HostState) -> None:
        def change() -> None:
            self.state = state
            self._on_change(state)

        self._post.call(change)
