"""The port for metrics that `manage.py serve` and `manage.py worker` open if they are told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError, CommandParser

from fusion_site.ops.scraping import DoorNotSafe, serve_metrics


def add_metrics_port(parser: CommandParser) -> None:
    """Have a command take `--metrics-port` and `--metrics-host`."""
    parser.add_argument("--metrics-port", type=int, help="Show /metrics and /livez on a port of their own.")
    parser.add_argument("--metrics-host", default="127.0.0.1")


@contextmanager
def metrics_shown(host: str, port: int | None, *, is_alive: Callable[[], bool]) -> Iterator[None]:
    """Show the metrics meanwhile, if there is a port for them; raises CommandError where that cannot be."""
    if port is None:
        yield
        return
    try:
        door = serve_metrics(host, port, is_alive=is_alive)
    except DoorNotSafe as refused:
        raise CommandError(str(refused)) from None
    except OSError as error:
        raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    try:
        yield
    finally:
        door.close()
