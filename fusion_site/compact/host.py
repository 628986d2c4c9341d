"""The host process: a listening socket, the model thread, and a clean end."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from fusion_site.compact.door import Door
from fusion_site.compact.modelthread import HostState, ModelThread
from fusion_site.compact.options import HostOptions
from fusion_site.compact.reporting import drained, introduce, report

log = logging.getLogger(__name__)
DRAIN_SECONDS = 2
DRAIN = b"drain"


def serve_forever(
    model: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    key: str | None = None,
    options: HostOptions | None = None,
    *,
    lifeline: int | None = None,
    reports: bool = False,
) -> int:
    """Host the GGUF file `model` until SIGINT or SIGTERM; 0 after a signal, 1 if the model failed.

    Prints one JSON line `{"port": …}` on stdout when it listens (port 0: the system chooses), then
    `{"state": "ready", "model": …}` or `{"state": "failed", "error": …}`. Without a key it listens on loopback only. When
    `lifeline`, the descriptor of a pipe whose other end the parent process holds, ends, so does this process; the line
    `drain` in it ends this process as soon as nobody needs it. With `reports` it says its figures too, as they change.
    """
    if key is None and not _is_loopback(host):
        raise ValueError(f"a key is needed to listen on {host}: anyone in reach could ask the model")
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    with listener:
        return asyncio.run(_serve(listener, model, key, options or HostOptions(), lifeline, reports))


def say(line: dict[str, Any]) -> None:
    """Tell whoever started this process, as one line of JSON on stdout."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _serve(
    listener: socket.socket,
    path: Path,
    key: str | None,
    options: HostOptions,
    lifeline: int | None,
    reports: bool,
) -> int:
    stop, drain = asyncio.Event(), asyncio.Event()
    if lifeline is not None:
        _hold(lifeline, drain.set)
    model = ModelThread(path, options, lambda state: _changed(state, stop, reports))
    server = _Server(_config(Door(model, key)))
    say({"port": listener.getsockname()[1]})
    model.start()
    with _signals(stop.set):
        serving = asyncio.create_task(server.serve([listener]))
        chores = [asyncio.create_task(_drain(model, drain, stop))]
        chores += [asyncio.create_task(report(model, say))] if reports else []
        await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        for chore in chores:
            chore.cancel()
        await model.stop()  # first, so that open answers end and let their connections go
        server.should_exit = True
        await serving
    return 1 if model.state.name == "failed" else 0


class _Server(uvicorn.Server):
    """Leaves signals to the host, which ends the model before the connections."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(door: Door) -> uvicorn.Config:
    return uvicorn.Config(
        door.app(),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def _changed(state: HostState, stop: asyncio.Event, reports: bool) -> None:
    if state.hosted:
        if reports:
            introduce(
                state.hosted, say
            )  # before it is ready, so that nobody sees a ready host of unknown size
        say({"state": "ready", "model": state.hosted.model.facts.id})
    elif state.name == "failed":
        log.error("%s", state.reason)
        say({"state": "failed", "error": state.reason})
        stop.set()


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Meanwhile SIGINT and SIGTERM call `stop` on the event loop."""
    loop = asyncio.get_running_loop()
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda *_: loop.call_soon_threadsafe(stop)) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


async def _drain(model: ModelThread, wanted: asyncio.Event, stop: asyncio.Event) -> None:
    """Once that is wanted, end as soon as all that was asked for is answered."""
    await wanted.wait()
    await drained(model)
    stop.set()


def _hold(lifeline: int, drain: Callable[[], None]) -> None:
    """Read the pipe that only the parent can write to: it ends when the parent does, however that happened."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        while order := os.read(lifeline, 4096):
            if DRAIN in order:
                loop.call_soon_threadsafe(drain)
        os._exit(1)

    threading.Thread(target=read, name="lifeline", daemon=True).start()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
