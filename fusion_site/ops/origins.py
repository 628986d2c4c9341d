"""The origin check of the WebSocket door: a page of another site must not read a signed-in person's runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.exceptions import DenyConnection
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http.request import validate_host

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class SameOrigin:
    """Lets a handshake through only from a page of this very site: scheme, host and port are compared."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass on, or refuse the handshake."""
        if is_same_origin(dict(scope["headers"])):
            await self._app(scope, receive, send)
        else:
            await _Refuse()(scope, receive, send)


def is_same_origin(headers: dict[bytes, bytes]) -> bool:
    """Whether the handshake's Origin is the site's public address, or, over http, the very host that was asked."""
    origin = headers.get(b"origin", b"").decode("latin-1").lower()
    if origin == settings.FUSION_URL.lower():
        return True
    host = headers.get(b"host", b"").decode("latin-1").lower()
    name = urlsplit(f"//{host}").hostname or ""
    is_plain = not settings.FUSION_URL.startswith("https://")
    return is_plain and origin == f"http://{host}" and validate_host(name, settings.ALLOWED_HOSTS)


class _Refuse(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        raise DenyConnection
