"""A plain HTTP server on loopback in a thread of its own: for a block, or from construction to `close`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Quiet(BaseHTTPRequestHandler):
    """Answers without a word on standard error."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Served:
    """Listens on a free port from construction to `close`."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        self.host_port = f"127.0.0.1:{server.server_port}"
        self._open = ExitStack()
        self._open.enter_context(serving(server))

    def close(self) -> None:
        """Stop listening."""
        self._open.close()


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serve until the block ends, then close the port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
