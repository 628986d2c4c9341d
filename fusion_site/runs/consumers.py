"""The live page of a run: HTML fragments over a WebSocket. A viewer only reads."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from fusion_site.accounts.models import User
from fusion_site.runs.access import may_act, visible_runs
from fusion_site.runs.live import Listener, leave, watch

log = logging.getLogger(__name__)

# Access is looked at again this often, in seconds.
RECHECK_S = 30.0
# RFC 6455's code for a client that breaks the rules; the page does not reconnect after it either.
POLICY = 1008
# Close codes from 4000 on are ours; the page does not reconnect after them.
NOT_FOUND = 4404


class RunConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends the run's whole current state on every connect, then what changes."""

    # It needs no channel of its own, and so none that fails with the channel layer.
    channel_layer_alias = ""
    _listener: Listener | None = None
    _sending: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Let in who may see the run; a foreign run is refused exactly as one that does not exist."""
        self._run_id: str = self.scope["url_route"]["kwargs"]["run_id"]
        may = await self._access()
        if may is None:
            await self.close()
            return
        await self.accept()
        self._listener = await watch(self._run_id, may_act=may)
        self._sending = asyncio.create_task(self._send_frames(self._listener))

    async def disconnect(self, code: int) -> None:
        """Leave the run to itself; it goes on."""
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
        if self._listener is not None:
            leave(self._run_id, self._listener)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Close: a page only reads here, and so this is none of ours."""
        await self.close(code=POLICY)

    async def _send_frames(self, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        recheck_at = loop.time() + RECHECK_S
        while True:
            try:
                async with asyncio.timeout_at(recheck_at):
                    frame = await listener.frame()
            except TimeoutError:
                recheck_at = loop.time() + RECHECK_S
                if await self._access() is None:
                    await self.close(code=NOT_FOUND)
                    return
                continue
            await self.send(text_data=frame)

    @database_sync_to_async  # type: ignore[untyped-decorator]
    def _access(self) -> bool | None:
        """Give whether this person may act on the run, or None if they may not see it. Read afresh each time."""
        person: Any = self.scope.get("user")
        user = User.objects.filter(pk=person.pk, is_active=True).first() if person and person.pk else None
        run = visible_runs(user).filter(pk=self._run_id).first() if user else None
        return may_act(user, run) if user and run else None
