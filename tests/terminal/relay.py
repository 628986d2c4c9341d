"""A line between two programs that can be cut in the middle of what they say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial


class Relay:
    """Passes what comes to `port` on to the port `to`, and back."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._lines: list[socket.socket] = []
        self._pass_on(self._accept)

    def cut(self) -> None:
        """Break every line that is open now, without a goodbye."""
        lines, self._lines = self._lines, []
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def close(self) -> None:
        """Take no more, and break what is open."""
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._lines += [near, far]
                self._pass_on(partial(_pump, near, far))
                self._pass_on(partial(_pump, far, near))

    def _pass_on(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
