"""`manage.py worker`: one of the processes that work on the runs of a site on many machines."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from fusion_site.ops.garbage import is_started
from fusion_site.ops.loop import LoopWatch
from fusion_site.ops.metrics_port import add_metrics_port, metrics_shown

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Work on runs until told to end."""

    help = (
        "Work on the runs of a site whose database is PostgreSQL. Start as many as you like, on any machine."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How much at once, and where to look at it."""
        parser.add_argument("--concurrency", type=int, default=200, help="Most runs at the same time.")
        add_metrics_port(parser)

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
        with metrics_shown(metrics_host, metrics_port, is_alive=watch.is_turning):
            asyncio.run(self._work(concurrency, watch))

    async def _work(self, concurrency: int, watch: LoopWatch) -> None:
        # Its tables' models can be imported where the queue is.
        from fusion_site.runs.execution.worker import Worker

        told_to_end = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, told_to_end.set)
        watch.start()
        worker = Worker(concurrency)
        worker.start()
        is_started()
        log.info("the worker has started")
        self.stdout.write(f"Works on up to {concurrency} runs at once  (stop it with Ctrl-C)")
        await told_to_end.wait()
        log.info("the worker stops")
        await worker.stop()
        await watch.stop()
