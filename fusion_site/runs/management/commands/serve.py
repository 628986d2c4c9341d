"""`manage.py serve`: the site, and everything that works behind its pages, in one process."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from channels.routing import get_default_application
from daphne.server import twisted_loop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from twisted.internet import reactor as installed_reactor
from twisted.python.log import PythonLoggingObserver

from fusion_site.ops.draining import begin_draining
from fusion_site.ops.garbage import is_started
from fusion_site.ops.metrics_port import add_metrics_port, metrics_shown
from fusion_site.ops.migrating import bring_up_to_date
from fusion_site.ops.server import SiteServer
from fusion_site.runs.execution.serving import Backstage

# Which reactor is installed is settled at run time (by daphne, above), so its type is not known before.
reactor = cast("Any", installed_reactor)


class Command(BaseCommand):
    """Serve the site by daphne, and work on its runs on the same event loop."""

    help = "Serve the site and work on its runs. It migrates only if told to, as `make run` does."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, and whether to migrate before."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--migrate", action="store_true", help="Bring the database up to date first.")
        add_metrics_port(parser)

    def handle(
        self,
        *args: Any,
        host: str,
        port: int,
        migrate: bool,
        metrics_host: str,
        metrics_port: int | None,
        **options: Any,
    ) -> None:
        """Serve until SIGTERM or Ctrl-C: new runs are refused then, others parked for the next start to go on with."""
        refuse_a_taken_port(host, port)
        if migrate:
            bring_up_to_date()
        # What fails in the server itself is logged like all else.
        PythonLoggingObserver("twisted").start()  # type: ignore[no-untyped-call]
        backstage = Backstage()

        def begin() -> None:
            starting = twisted_loop.create_task(backstage.start())
            starting.add_done_callback(self._started(host, port))

        async def wind_down() -> None:
            begin_draining()
            await asyncio.gather(backstage.stop(), asyncio.sleep(settings.FUSION_DRAIN_S))

        application = get_default_application()
        with metrics_shown(metrics_host, metrics_port, is_alive=backstage.watch.is_turning):
            SiteServer(application, host, port, begin=begin, wind_down=wind_down).run()

    def _started(self, host: str, port: int) -> Any:
        def told(task: asyncio.Task[Any]) -> None:
            if (error := task.exception()) is not None:
                self.stderr.write(f"The site could not start: {error}")
                reactor.stop()
                return
            is_started()
            self.stdout.write(f"Fusion is served on http://{host}:{port}  (stop it with Ctrl-C)")
            if settings.FUSION_IS_CLUSTER:
                self.stdout.write(
                    "With PostgreSQL, `manage.py worker` works on the runs; start at least one."
                )

        return told


def refuse_a_taken_port(host: str, port: int) -> None:
    """Say in one sentence what is wrong with the address, instead of a traceback from the server."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
