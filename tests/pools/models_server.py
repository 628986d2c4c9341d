"""A server that lists models over real HTTP, notes who asked, and can be told to answer otherwise."""

from __future__ import annotations

import json
import threading
from typing import Any

from tests.serving import Quiet, Served

# A shut gate is waited at for so many seconds, and then passed.
WITHIN_S = 30.0


class ModelsServer:
    """Listens on loopback from construction to `close`. `body` and `status` are what `/v1/models` answers."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {"data": [{"id": "alpha"}]}
        self.keys: list[str | None] = []
        self.referers: list[str | None] = []
        self.gate: threading.Event | None = None
        self.asked = threading.Event()
        server = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                server.keys.append(self.headers.get("Authorization"))
                server.referers.append(self.headers.get("HTTP-Referer"))
                server.asked.set()
                if server.gate is not None:
                    server.gate.wait(WITHIN_S)
                reply = json.dumps(server.body).encode()
                self.send_response(server.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(reply)

        self._served = Served(Handler)
        self.host_port = self._served.host_port
        self.url = f"http://{self.host_port}/v1"

    def close(self) -> None:
        """Stop listening."""
        self._served.close()
