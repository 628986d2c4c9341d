"""One socket of a page: it sends the page's frames until it is told that there is nothing to see any more."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from fusion_site.runs.live.watching import Listener

# RFC 6455's code for a client that breaks the rules; the page does not reconnect after it either.
POLICY = 1008
# Close codes from 4000 on are ours; the page does not reconnect after them. This one: there is nothing to see (any more).
NOT_FOUND = 4404


class PageConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends frames once `connect` has called `begin`, and calls `forget` when the socket is gone or the server ends it."""

    # It needs no channel of its own, and so none that fails with the channel layer.
    channel_layer_alias = ""
    _sending: asyncio.Task[None] | None = None
    _ending: asyncio.Task[None]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one socket, and leave the run to itself afterwards, also where the server ends what took too long."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.forget()
            if self._sending is not None:
                self._sending.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Close: a page only reads here, and so this is none of ours."""
        await self.close(code=POLICY)

    async def turn_away(self) -> None:
        """Say that there is nothing to see here, and no more.

        It is told by a code, after the handshake: to a browser a refused one looks like a lost connection, and a page that
        missed the end of its right (signed out elsewhere, say) would try again for ever.
        """
        await self.accept()
        await self.close(code=NOT_FOUND)

    def begin(self, listener: Listener) -> None:
        """Send what the listener gets, from now on."""
        self._sending = asyncio.create_task(self._send_frames(listener))

    def end(self) -> None:
        """Send nothing more: there is nothing to see any more."""
        if self._sending is not None:
            self._sending.cancel()
        self._ending = asyncio.create_task(self.close(code=NOT_FOUND))

    def forget(self) -> None:
        """Leave whatever was joined for this socket, also where `connect` came only half way."""
        raise NotImplementedError

    async def _send_frames(self, listener: Listener) -> None:
        while True:
            await self.send(text_data=await listener.frame())
