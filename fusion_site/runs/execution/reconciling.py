"""Asking OpenRouter in the background what calls cost that were cut before they said so."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from datetime import datetime, timedelta

from django.utils import timezone

from fusion_site.ops.querying import query
from fusion_site.pools import reaching
from fusion_site.providers import AskFailed, Generation
from fusion_site.runs.bell import ring
from fusion_site.runs.flows.reconcile import Bill, CutCall, cut_calls, keep_bills

log = logging.getLogger(__name__)

# How often it is looked whether a call is due, in seconds.
LOOK_S = 2.0
# A bill is there seconds after a call at the earliest, and sometimes only after minutes. The pauses between two
# questions are as long as all the time before them, within these bounds.
FIRST = timedelta(seconds=2)
LONGEST = timedelta(minutes=10)
AT_ONCE = 8


class Reconciler:
    """Asks for each cut call again and again until it is told, for an hour. What it remembers are only its pauses."""

    def __init__(self) -> None:
        self._asked_at: dict[str, datetime] = {}

    async def look(self, now: datetime | None = None) -> None:
        """Ask for the calls that are due, and keep what is told; pages and programs that watch are told too."""
        now = now or timezone.now()
        calls = await query(cut_calls, now)
        self._asked_at = {
            c.generation_id: at for c in calls if (at := self._asked_at.get(c.generation_id)) is not None
        }
        due = [call for call in calls if self._is_due(call, now)][:AT_ONCE]
        self._asked_at |= {call.generation_id: now for call in due}
        found = await asyncio.gather(*(_told_of(call) for call in due))
        bills: dict[str, list[Bill]] = defaultdict(list)
        for call, generation in zip(due, found, strict=True):
            if generation is not None:
                bills[call.run].append((call, generation))
        for run_id, of_run in bills.items():
            if (event := await query(keep_bills, run_id, of_run)) is not None:
                await ring(run_id, [event])

    def _is_due(self, call: CutCall, now: datetime) -> bool:
        last = self._asked_at.get(call.generation_id, call.finished_at)
        return now - last >= min(max(FIRST, last - call.finished_at), LONGEST)


async def _told_of(call: CutCall) -> Generation | None:
    """Give what is told of a call now, or None; why not is a matter for the log, since it is asked again."""
    try:
        endpoint = await reaching.endpoint(call.connection)
        return await reaching.providers().generation(endpoint, call.generation_id)
    except AskFailed as failed:
        log.info("what %s cost was not told: %s", call.generation_id, failed.error.message)
        return None
