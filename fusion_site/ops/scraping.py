"""Where the metrics are read: an address of the site, and a door of its own for processes without one.

Whoever may read them knows `FUSION_METRICS_TOKEN`. Without one the site has no such address, and the door of a worker
opens on the machine itself only.
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from fusion_site.ops.metrics import REGISTRY


class DoorNotSafe(Exception):
    """The door would be open to other machines without a token."""


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the metrics in Prometheus' text format; without the token there is nothing here."""
    if not settings.FUSION_METRICS_TOKEN or not _is_allowed(request.headers.get("Authorization", "")):
        raise Http404
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _is_allowed(authorization: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    token = settings.FUSION_METRICS_TOKEN
    return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), token.encode())


class MetricsDoor(ThreadingMixIn, WSGIServer):
    """`/metrics` and `/livez` of a process that serves no pages, from a thread of its own; `close` ends it."""

    daemon_threads = True

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()


def serve_metrics(host: str, port: int, *, is_alive: Callable[[], bool]) -> MetricsDoor:
    """Open the door of a worker; `is_alive` is what `/livez` says, called from another thread.

    Raises DoorNotSafe, or OSError when the port is taken. Port 0 lets the system choose (`server_port`).
    """
    if not settings.FUSION_METRICS_TOKEN and not _is_loopback(host):
        raise DoorNotSafe(f"Set FUSION_METRICS_TOKEN to show metrics on {host}, which other machines reach.")
    door: MetricsDoor = make_server(host, port, _app(is_alive), MetricsDoor, _Quiet)
    threading.Thread(target=door.serve_forever, name="metrics", daemon=True).start()
    return door


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _app(is_alive: Callable[[], bool]) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/livez":
            start("200 OK" if is_alive() else "503 Service Unavailable", [("Content-Type", "text/plain")])
        elif path == "/metrics" and _may_read(environ):
            start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
            return [generate_latest(REGISTRY)]
        else:
            start("404 Not Found", [("Content-Type", "text/plain")])
        return []

    return answer


def _may_read(environ: WSGIEnvironment) -> bool:
    return not settings.FUSION_METRICS_TOKEN or _is_allowed(environ.get("HTTP_AUTHORIZATION", ""))


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing: being scraped is no news."""
