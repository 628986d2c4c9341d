"""`manage.py serve`: the site, and everything that works behind its pages, in one process."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from channels.routing import get_default_application
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server, twisted_loop
from django.core.management.base import BaseCommand, CommandError, CommandParser
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred

from fusion_site.runs.serving import Backstage

# Which reactor is installed is settled at run time (by daphne, above), so its type is not known before.
reactor = cast("Any", installed_reactor)


class Command(BaseCommand):
    """Serve the site by daphne, and work on its runs on the same event loop."""

    help = "Serve the site and work on its runs. It does not migrate; `make run` does."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        """Serve until SIGTERM or Ctrl-C; runs are parked then, and the next start goes on with them."""
        refuse_a_taken_port(host, port)
        backstage = Backstage()

        def begin() -> None:
            reactor.addSystemEventTrigger("before", "shutdown", lambda: _deferred(backstage.stop()))
            starting = twisted_loop.create_task(backstage.start())
            starting.add_done_callback(self._started(host, port))

        endpoints = build_endpoint_description_strings(host=host, port=port)
        Server(
            get_default_application(),
            endpoints=endpoints,
            signal_handlers=True,
            ready_callable=lambda: reactor.callWhenRunning(begin),
            server_name="",
            websocket_handshake_timeout=10,
        ).run()

    def _started(self, host: str, port: int) -> Any:
        def told(task: asyncio.Task[Any]) -> None:
            if (error := task.exception()) is not None:
                self.stderr.write(f"The site could not start: {error}")
                reactor.stop()
                return
            self.stdout.write(f"Fusion is served on http://{host}:{port}  (stop it with Ctrl-C)")

        return told


def refuse_a_taken_port(host: str, port: int) -> None:
    """Say in one sentence what is wrong with the address, instead of a traceback from the server."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None


def _deferred(coroutine: Any) -> Deferred[None]:
    return Deferred.fromFuture(asyncio.ensure_future(coroutine, loop=twisted_loop))
