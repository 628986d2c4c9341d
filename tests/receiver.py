"""Whoever is told of ends of runs: a server on loopback that keeps what it gets, and answers as it is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from tests.serving import Quiet, Served

WITHIN_S = 30.0


@dataclass(frozen=True)
class Got:
    """One request, with its headers by lower-case names."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Listens from construction to `close`. `status` is what it answers; while `gate` is there and shut, it does not."""

    def __init__(self) -> None:
        self.status = 204
        self.gate: threading.Event | None = None
        self.got: list[Got] = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                receiver._keep(self)
                if receiver.gate is not None:
                    receiver.gate.wait(WITHIN_S)
                self.send_response(receiver.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._served = Served(Handler)
        self.host_port = self._served.host_port
        self.url = f"http://{self.host_port}/in?for=us"

    def wait_for(self, count: int) -> Got:
        """Wait until so many requests have come, and give the last of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.got) >= count, WITHIN_S), f"got {len(self.got)}"
        return self.got[count - 1]

    def close(self) -> None:
        """Stop listening."""
        if self.gate is not None:
            self.gate.set()
        self._served.close()

    def _keep(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._changed:
            self.got.append(Got(handler.path, headers, body))
            self._changed.notify_all()
