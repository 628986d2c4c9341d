"""The security headers of every page that the site makes itself; static files get theirs from servestatic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

# 'self' in connect-src covers ws: and wss: of the same host and port (CSP level 3, section 6.7.2.8).
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
_UNUSED_FEATURES = "accelerometer camera display-capture geolocation gyroscope hid idle-detection magnetometer microphone midi payment serial usb"
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES.split()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}

Handler = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class Middleware(ABC):
    """Middleware, sync and async: it takes on the kind of what comes next, so that Django adds no thread hop."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        """Keep what comes next."""
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    @abstractmethod
    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Give the response to a request."""


class SecurityHeaders(Middleware):
    """Sets each header which the view has not set itself."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Give the response with its headers."""
        response = self.get_response(request)
        return _secured(response) if isinstance(response, HttpResponseBase) else self._later(response)

    async def _later(self, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        return _secured(await response)


def _secured(response: HttpResponseBase) -> HttpResponseBase:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
