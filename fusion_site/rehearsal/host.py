"""The scripted models on a loopback port of this process, in a thread of their own."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading

import uvicorn

from fusion_site.rehearsal.door import Door

HOST = "127.0.0.1"
WITHIN_S = 10.0


class RehearsalHost:
    """Serves the scripted models on 127.0.0.1. `speed` divides all waiting: 1 is believable, 50 is for tests.

    `port` 0 lets the system choose; without a `key` a random one is made. Starting and stopping twice is harmless,
    and a stopped host may be started again, on another port unless one was given.
    """

    def __init__(self, speed: float = 1.0, *, port: int = 0, key: str | None = None) -> None:
        if speed <= 0:
            raise ValueError("speed has to be above 0")
        self.key = key or secrets.token_urlsafe(24)
        self._speed, self._wanted_port = speed, port
        self._stage: _Stage | None = None
        self._changing = threading.Lock()

    @property
    def port(self) -> int:
        """The port it listens on; raises RuntimeError while it is not started."""
        if self._stage is None:
            raise RuntimeError("The rehearsal host is not started.")
        return self._stage.port

    @property
    def running(self) -> int:
        """How many scripts are being said at this moment."""
        return self._stage.door.running if self._stage else 0

    def start(self) -> None:
        """Listen, and answer from the moment this returns; raises OSError if the port is taken."""
        with self._changing:
            if self._stage is None:
                self._stage = _Stage(Door(self.key, self._speed), self._wanted_port)

    def stop(self) -> None:
        """Break off every script, close the port and end the thread."""
        with self._changing:
            stage, self._stage = self._stage, None
        if stage is not None:
            stage.close()


class _Stage(uvicorn.Server):
    """One life of the host: a bound socket, an event loop and the thread that runs it."""

    def __init__(self, door: Door, port: int) -> None:
        super().__init__(_config(door))
        self.door = door
        self._listener = socket.create_server((HOST, port))
        self.port: int = self._listener.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_up = threading.Event()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._live(),), name="rehearsal", daemon=True
        )
        self._thread.start()
        if not self._is_up.wait(WITHIN_S):
            raise RuntimeError("The rehearsal host did not start.")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._is_up.set()

    def close(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(WITHIN_S)

    def _end(self) -> None:
        self.door.end_all()
        self.should_exit = True

    async def _live(self) -> None:
        with self._listener:
            await self.serve([self._listener])


def _config(door: Door) -> uvicorn.Config:
    return uvicorn.Config(
        door.app(),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        # A script that was told to break its connection off is an error to uvicorn, and not worth a line.
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
