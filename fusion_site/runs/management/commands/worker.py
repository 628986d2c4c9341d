"""`manage.py worker`: one of the processes that work on the runs of a site on many machines."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Work on runs until told to end."""

    help = (
        "Work on the runs of a site whose database is PostgreSQL. Start as many as you like, on any machine."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How much at once."""
        parser.add_argument("--concurrency", type=int, default=200, help="Most runs at the same time.")

    def handle(self, *args: Any, concurrency: int, **options: Any) -> None:
        """Work until SIGTERM or Ctrl-C; runs are parked then, and other workers go on with them."""
        if not settings.FUSION_IS_CLUSTER:
            raise CommandError(
                "Workers need PostgreSQL (DATABASE_URL). With SQLite, `manage.py serve` works on the runs itself."
            )
        if concurrency < 1:
            raise CommandError("--concurrency must be at least 1.")
        asyncio.run(self._work(concurrency))

    async def _work(self, concurrency: int) -> None:
        # Its tables' models can be imported where the queue is.
        from fusion_site.runs.working import Worker

        told_to_end = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, told_to_end.set)
        worker = Worker(concurrency)
        worker.start()
        self.stdout.write(f"Works on up to {concurrency} runs at once  (stop it with Ctrl-C)")
        await told_to_end.wait()
        await worker.stop()
