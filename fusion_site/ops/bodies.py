"""The bound on request bodies, kept before Django is reached: it would read a body of any size onto the disk first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from django.conf import settings

from fusion_site.engine.asking import ErrorKind
from fusion_site.ops.headers import HEADERS

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

TOO_LARGE = "The body is larger than this site takes."
_PAGE = f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Too large</title><h1>Too large</h1><p>{TOO_LARGE}"
# What programs are told, each in the form that the errors of its door have.
_FOR_PROGRAMS: dict[str, dict[str, Any]] = {
    "/api/": {"kind": ErrorKind.TOO_LARGE, "message": TOO_LARGE, "fields": {}},
    "/v1/": {
        "message": TOO_LARGE,
        "type": "invalid_request_error",
        "param": None,
        "code": "request_too_large",
    },
}


class _TooLarge(Exception):
    """More came than the site takes."""


class BodyCap:
    """Answers 413 to bodies beyond FUSION_BODY_BYTES: by what is announced, else by what has come."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the request on, or refuse it. Django reads the whole body before it answers, so nothing was sent yet."""
        if _announced(scope["headers"]) > body_limit():
            await _refuse(scope["path"], send)
            return
        try:
            await self._app(scope, _counted(receive), send)
        except _TooLarge:
            await _refuse(scope["path"], send)


def body_limit() -> int:
    """Give the most bytes that a request's body may have."""
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return limit


def too_large(path: str) -> tuple[Headers, bytes]:
    """Give headers and body of the 413 for an address: JSON for programs, else a plain page. The connection closes."""
    error = next((error for door, error in _FOR_PROGRAMS.items() if path.startswith(door)), None)
    body = orjson.dumps({"error": error}) if error else _PAGE.encode()
    kind = b"application/json" if error else b"text/html; charset=utf-8"
    own = [(b"Content-Type", kind), (b"Content-Length", b"%d" % len(body)), (b"Connection", b"close")]
    common = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    return [*own, *common, (b"X-Content-Type-Options", b"nosniff")], body


def _announced(headers: Headers) -> int:
    """Give the announced length; 0 where none is, or where what stands there is no number, which servers refuse."""
    value = dict(headers).get(b"content-length", b"")
    return int(value) if value.isdigit() else 0


def _counted(receive: Any) -> Any:
    """Give `receive` with a count on it that raises when the limit is passed."""
    taken, limit = 0, body_limit()

    async def counted() -> dict[str, Any]:
        nonlocal taken
        message: dict[str, Any] = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _TooLarge
        return message

    return counted


async def _refuse(path: str, send: Any) -> None:
    headers, body = too_large(path)
    lowered = [(name.lower(), value) for name, value in headers if name != b"Connection"]
    await send({"type": "http.response.start", "status": 413, "headers": lowered})
    await send({"type": "http.response.body", "body": body})
