"""The live page behind a link: the fragments of the run's page, of what the link shows."""

from __future__ import annotations

from typing import Any

from fusion_site.accounts.passes import Pass
from fusion_site.ops.querying import query
from fusion_site.runs.live.lens import Lens
from fusion_site.runs.live.sending import PageConsumer
from fusion_site.runs.live.watching import Listener, leave, watch
from fusion_site.runs.sharing import watching
from fusion_site.runs.sharing.visiting import Visit, visit
from fusion_site.runs.sharing.watching import Follower


class ShareConsumer(PageConsumer):
    """Sends what is shown of the run on every connect, then what changes of it, until the link is dead."""

    _run_id: str
    _lens: Lens
    _listener: Listener
    _follower: Follower | None = None

    async def connect(self) -> None:
        """Let in whom the page would let in; a dead link is turned away exactly as one that never was."""
        found = await query(_found, self.scope)
        if found is None:
            await self.turn_away()
            return
        at, self._lens = found
        self._run_id = at.share.run_id
        await self.accept()
        self._listener = await watch(self._run_id, may_act=False, lens=self._lens)
        self._follower = Follower(at.share.pk, _pass_of(at, self.scope), self.end)
        watching.join(self._follower)
        self.begin(self._listener)

    def forget(self) -> None:
        """Watch no longer over the link, and leave the run."""
        if self._follower is not None:
            watching.leave(self._follower)
            leave(self._run_id, self._listener, self._lens)


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
