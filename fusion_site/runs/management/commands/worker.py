"""`manage.py worker`: one of the processes that work on the runs of a site on many machines."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from fusion_site.ops.loop import LoopWatch
from fusion_site.ops.scraping import DoorNotSafe, serve_metrics

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Work on runs until told to end."""

    help = (
        "Work on the runs of a site whose database is PostgreSQL. Start as many as you like, on any machine."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How much at once, and where to look at it."""
        parser.add_argument("--concurrency", type=int, default=200, help="Most runs at the same time.")
        parser.add_argument("--metrics-port", type=int, help="Show /metrics and /livez on this port.")
        parser.add_argument("--metrics-host", default="127.0.0.1")

    def handle(
        self, *args: Any, concurrency: int, metrics_host: str, metrics_port: int | None, **options: Any
    ) -> None:
        """Work until SIGTERM or Ctrl-C; runs are parked then, and other workers go on with them."""
        if not settings.FUSION_IS_CLUSTER:
            raise CommandError(
                "Workers need PostgreSQL (DATABASE_URL). With SQLite, `manage.py serve` works on the runs itself."
            )
        if concurrency < 1:
            raise CommandError("--concurrency must be at least 1.")
        watch = LoopWatch()
        with metrics_shown(watch, metrics_host, metrics_port):
            asyncio.run(self._work(concurrency, watch))

    async def _work(self, concurrency: int, watch: LoopWatch) -> None:
        # Its tables' models can be imported where the queue is.
        from fusion_site.runs.working import Worker

        told_to_end = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, told_to_end.set)
        watch.start()
        worker = Worker(concurrency)
        worker.start()
        log.info("the worker has started")
        self.stdout.write(f"Works on up to {concurrency} runs at once  (stop it with Ctrl-C)")
        await told_to_end.wait()
        log.info("the worker stops")
        await worker.stop()
        await watch.stop()


@contextmanager
def metrics_shown(watch: LoopWatch, host: str, port: int | None) -> Iterator[None]:
    """Show the metrics meanwhile, if there is a port for them."""
    if port is None:
        yield
        return
    try:
        door = serve_metrics(host, port, is_alive=watch.is_turning)
    except DoorNotSafe as refused:
        raise CommandError(str(refused)) from None
    except OSError as error:
        raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    try:
        yield
    finally:
        door.close()
