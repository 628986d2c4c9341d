"""The HTTP and WebSocket server: daphne with bounds on what comes in, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server, twisted_loop
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred

from fusion_site.ops.channel import BoundedChannel

# Which reactor is installed is settled at run time (by daphne, above), so its type is not known before.
reactor = cast("Any", installed_reactor)
log = logging.getLogger(__name__)

# RFC 6455's code for a client that breaks the rules.
BREAKS_RULES = 1008
# Streams and sockets that are still open at the end get so many seconds to close.
CLOSE_WITHIN_S = 3.0


class ReadersSocket(WebSocketProtocol):  # type: ignore[misc]
    """A page's WebSocket. Pages only read: whoever begins to say something is closed before any of it is kept.

    Autobahn's own bound on messages would count for those that are sent as well, and silently drop large ones.
    """

    def onMessageBegin(self, isBinary: bool) -> None:  # noqa: N802, N803  # Autobahn's names
        """Close."""
        super().onMessageBegin(isBinary)
        self._fail_connection(BREAKS_RULES, "pages only read here")


class SiteServer(Server):  # type: ignore[misc]
    """Serves `application`; `begin` is called once it listens, and `wind_down` is awaited when it is told to end.

    Until `wind_down` is over it goes on answering. Then open streams and sockets are closed: who watched a run
    connects again, to whoever serves by then.
    """

    def __init__(
        self,
        application: Any,
        host: str,
        port: int,
        *,
        begin: Callable[[], None],
        wind_down: Callable[[], Awaitable[object]],
    ) -> None:
        super().__init__(
            application,
            endpoints=build_endpoint_description_strings(host=host, port=port),
            ready_callable=self._listening,
            server_name="",
            websocket_handshake_timeout=10,
            websocket_max_message_size=0,
        )
        self._begin, self._wind_down = begin, wind_down

    def _listening(self) -> None:
        # The factories stand and no connection has been taken yet: daphne has no other place for this.
        self.http_factory.protocol = BoundedChannel
        self.ws_factory.protocol = ReadersSocket
        self.ws_factory.setProtocolOptions(failByDrop=False)
        reactor.callWhenRunning(self._begin)

    def kill_all_applications(self) -> Deferred[None]:
        """Do what has to be done before the process ends. Daphne calls this on SIGTERM and Ctrl-C, and waits."""
        return Deferred.fromFuture(asyncio.ensure_future(self._end(), loop=twisted_loop))

    async def _end(self) -> None:
        """Do each step, also when the one before failed: the process ends either way, and why must not be lost."""
        for step in (self._wind_down, self._close_connections):
            try:
                await step()
            except Exception:
                log.exception("the server did not end in order")

    async def _close_connections(self) -> None:
        # A request that is still arriving has no application yet.
        known = (details.get("application_instance") for details in self.connections.values())
        running = [application for application in known if application is not None]
        for application in running:
            application.cancel()
        if running:
            await asyncio.wait(running, timeout=CLOSE_WITHIN_S)
