"""Failures of a whole connection: logged in our form, and kept from the server's log, which would quote them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

log = logging.getLogger(__name__)

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class ConnectionFailed(Exception):
    """What the server is told, so that it closes the connection; why is in the log line before."""


class Reported:
    """Passes connections on, and replaces what fails in one by ConnectionFailed."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one connection."""
        try:
            await self._app(scope, receive, send)
        except Exception:
            log.exception("a %s connection failed inside the site", scope["type"])
            raise ConnectionFailed from None
