"""The live page of a run: HTML fragments over a WebSocket. A viewer only reads."""

from __future__ import annotations

from typing import Any

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.models import Membership, User
from fusion_site.accounts.passes import Pass
from fusion_site.accounts.watch import Watched, join
from fusion_site.accounts.watch import leave as watch_no_longer
from fusion_site.ops.querying import query
from fusion_site.runs.access import may_act_in, visible_runs
from fusion_site.runs.live import gone
from fusion_site.runs.live.sending import PageConsumer
from fusion_site.runs.live.watching import Listener, leave, watch
from fusion_site.runs.models import Run


class RunConsumer(PageConsumer):
    """Sends the run's whole current state on every connect, then what changes, until the right to see it ends."""

    _run: Run
    _listener: Listener
    _watched: Watched | None = None
    _onlooker: gone.Onlooker

    async def connect(self) -> None:
        """Let in who may see the run; a foreign run is turned away exactly as one that does not exist."""
        run_id: str = self.scope["url_route"]["kwargs"]["run_id"]
        seen = await query(_seen_by, self.scope.get("user"), run_id)
        if seen is None:
            await self.turn_away()
            return
        self._run, place = seen
        await self.accept()
        self._listener = await watch(run_id, may_act=may_act_in(place, self._run))
        session = self.scope["session"].session_key or ""
        self._watched = join(Pass(place.user_id, place.team_id, session), place, self._look_to)
        self._onlooker = gone.Onlooker(run_id, self.end)
        gone.join(self._onlooker)
        self.begin(self._listener)

    def forget(self) -> None:
        """Watch no longer over who looked, and leave the run."""
        if self._watched is not None:
            watch_no_longer(self._watched)
            leave(self._run.pk, self._listener)
            gone.leave(self._onlooker)

    def _look_to(self, place: Membership | None) -> None:
        """Send nothing more to who may not see the run any more; show another role what it may do."""
        if place is None:
            self.end()
        else:
            self._listener.change(may_act=may_act_in(place, self._run))


def _seen_by(person: Any, run_id: str) -> tuple[Run, Membership] | None:
    """Give the run and this person's place in its team, or None if they may not see it."""
    user = User.objects.filter(pk=person.pk, is_active=True).first() if person and person.pk else None
    run = visible_runs(user).filter(pk=run_id).first() if user else None
    place = membership_in(user, run.team_id) if user and run else None
    return (run, place) if run and place else None
