"""A server that lists models over real HTTP, notes who asked, and can be told to answer otherwise."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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

        class Handler(BaseHTTPRequestHandler):
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

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.host_port = f"127.0.0.1:{self._http.server_address[1]}"
        self.url = f"http://{self.host_port}/v1"

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
