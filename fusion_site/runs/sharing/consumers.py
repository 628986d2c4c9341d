"""The live page behind a link: the fragments of the run's page, of what the link shows."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from fusion_site.accounts.passes import Pass
from fusion_site.ops.querying import query
from fusion_site.runs.live.consumers import NOT_FOUND, POLICY
from fusion_site.runs.live.lens import Lens
from fusion_site.runs.live.watching import Listener, leave, watch
from fusion_site.runs.sharing import watching
from fusion_site.runs.sharing.visiting import Visit, visit
from fusion_site.runs.sharing.watching import Follower


class ShareConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends what is shown of the run on every connect, then what changes of it, until the link is dead."""

    # It needs no channel of its own, and so none that fails with the channel layer.
    channel_layer_alias = ""
    _run_id: str
    _lens: Lens
    _listener: Listener
    _follower: Follower | None = None
    _sending: asyncio.Task[None]
    _ending: asyncio.Task[None]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one socket, and leave the run to itself afterwards, also where the server ends what took too long."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._follower is not None:
                watching.leave(self._follower)
                leave(self._run_id, self._listener, self._lens)
                self._sending.cancel()

    async def connect(self) -> None:
        """Let in whom the page would let in; a dead link is turned away exactly as one that never was.

        It is told so by a code, after the handshake: to a browser a refused one looks like a lost connection, and a page
        that missed the end of its link would try again for ever.
        """
        found = await query(_found, self.scope)
        if found is None:
            await self.accept()
            await self.close(code=NOT_FOUND)
            return
        at, self._lens = found
        self._run_id = at.share.run_id
        await self.accept()
        self._listener = await watch(self._run_id, may_act=False, lens=self._lens)
        self._follower = Follower(at.share.pk, _pass_of(at, self.scope), self._end)
        watching.join(self._follower)
        self._sending = asyncio.create_task(self._send_frames(self._listener))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Close: a page only reads here, and so this is none of ours."""
        await self.close(code=POLICY)

    def _end(self) -> None:
        """Send nothing more: there is nothing behind the link."""
        self._sending.cancel()
        self._ending = asyncio.create_task(self.close(code=NOT_FOUND))

    async def _send_frames(self, listener: Listener) -> None:
        while True:
            await self.send(text_data=await listener.frame())


def _found(scope: Any) -> tuple[Visit, Lens] | None:
    token: str = scope["url_route"]["kwargs"]["token"]
    # The session's person is looked up here, in the thread that queries.
    user = scope.get("user")
    at = visit(token, getattr(user, "_wrapped", user), scope.get("cookies", {}))
    return (at, at.lens()) if at is not None and at.is_open else None


def _pass_of(at: Visit, scope: Any) -> Pass | None:
    if at.place is None:
        return None
    return Pass(at.place.user_id, at.place.team_id, session=scope["session"].session_key or "")
