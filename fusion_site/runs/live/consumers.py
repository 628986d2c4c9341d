"""The live page of a run: HTML fragments over a WebSocket. A viewer only reads."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.models import Membership, User
from fusion_site.accounts.passes import Pass
from fusion_site.accounts.watch import Watched, join
from fusion_site.accounts.watch import leave as watch_no_longer
from fusion_site.ops.querying import query
from fusion_site.runs.access import may_act_in, visible_runs
from fusion_site.runs.live.watching import Listener, leave, watch
from fusion_site.runs.models import Run

# RFC 6455's code for a client that breaks the rules; the page does not reconnect after it either.
POLICY = 1008
# Close codes from 4000 on are ours; the page does not reconnect after them. This one: there is nothing to see (any more).
NOT_FOUND = 4404


class RunConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Sends the run's whole current state on every connect, then what changes, until the right to see it ends."""

    # It needs no channel of its own, and so none that fails with the channel layer.
    channel_layer_alias = ""
    _listener: Listener
    _watched: Watched | None = None
    _sending: asyncio.Task[None]
    _ending: asyncio.Task[None]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one socket, and leave the run to itself afterwards, also where the server ends what took too long."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._watched is not None:
                watch_no_longer(self._watched)
                leave(self._run.pk, self._listener)
                self._sending.cancel()

    async def connect(self) -> None:
        """Let in who may see the run; a foreign run is refused exactly as one that does not exist."""
        run_id: str = self.scope["url_route"]["kwargs"]["run_id"]
        seen = await query(_seen_by, self.scope.get("user"), run_id)
        if seen is None:
            await self.close()
            return
        self._run, place = seen
        await self.accept()
        self._listener = await watch(run_id, may_act=may_act_in(place, self._run))
        session = self.scope["session"].session_key or ""
        self._watched = join(Pass(place.user_id, place.team_id, session), place, self._look_to)
        self._sending = asyncio.create_task(self._send_frames(self._listener))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Close: a page only reads here, and so this is none of ours."""
        await self.close(code=POLICY)

    def _look_to(self, place: Membership | None) -> None:
        """Send nothing more to who may not see the run any more; show another role what it may do."""
        if place is None:
            self._sending.cancel()
            self._ending = asyncio.create_task(self.close(code=NOT_FOUND))
        else:
            self._listener.change(may_act=may_act_in(place, self._run))

    async def _send_frames(self, listener: Listener) -> None:
        while True:
            await self.send(text_data=await listener.frame())


def _seen_by(person: Any, run_id: str) -> tuple[Run, Membership] | None:
    """Give the run and this person's place in its team, or None if they may not see it."""
    user = User.objects.filter(pk=person.pk, is_active=True).first() if person and person.pk else None
    run = visible_runs(user).filter(pk=run_id).first() if user else None
    place = membership_in(user, run.team_id) if user and run else None
    return (run, place) if run and place else None
