"""The feed of a run: every event once and in order, from any point on, however it reaches us."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fusion_site.ops.querying import query_patiently
from fusion_site.runs.bell import Ear
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Event, Run
from fusion_site.runs.reading import run_json

# A lost bell is made good by a look at the rows after this many seconds.
SAFETY_POLL_S = 2.0
# The same for a run that is over: only what it cost may still become known, or somebody may open it again.
QUIET_POLL_S = 20.0
ENDS = {"run.finished", "run.updated"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of a run, as it was stored."""

    seq: int
    kind: str
    data: dict[str, Any]


async def follow(
    run_id: str, after: int, *, heartbeat_s: float | None = None, past_end: bool = False
) -> AsyncGenerator[list[Fact], None]:
    """Yield the events after `after`, as they come, in order and without a gap, and end when no pass is open.

    With `heartbeat_s`, an empty list is yielded whenever nothing came for that many seconds. With `past_end` it
    never ends, since a run that is over may still learn what it cost, and go on.
    """
    seq = after
    quiet = 0.0
    async with _ear_at(run_id) as ear:
        facts, is_over = await query_patiently(_read, run_id, seq)
        while True:
            if facts:
                seq, quiet = facts[-1].seq, 0.0
                yield facts
            if is_over and not past_end:
                return
            bell = await ear.bell(QUIET_POLL_S if is_over else SAFETY_POLL_S)
            told = _told_by(bell, seq)
            if told is None:
                facts, is_over = await query_patiently(_read, run_id, seq)
            else:
                facts, is_over = told, told[-1].kind in ENDS if told else is_over
            if not facts and bell is None and heartbeat_s is not None:
                quiet += SAFETY_POLL_S
                if quiet >= heartbeat_s:
                    quiet = 0.0
                    yield []


@asynccontextmanager
async def _ear_at(run_id: str) -> AsyncGenerator[Ear, None]:
    """Stand in the run's group before the first look at the rows, so that nothing falls between the two."""
    ear = Ear(run_id)
    await ear.open()
    try:
        yield ear
    finally:
        await ear.close()


def _told_by(bell: dict[str, Any] | None, seq: int) -> list[Fact] | None:
    """Give what a bell tells beyond where we are: none if the rows told it before; None if the rows must be asked."""
    if bell is None:
        return None
    if bell["seq"] <= seq:
        return []
    carried = bell["events"]
    if not carried or carried[0]["seq"] > seq + 1:
        return None
    return [Fact(each["seq"], each["kind"], each["data"]) for each in carried if each["seq"] > seq]


def _read(run_id: str, after: int) -> tuple[list[Fact], bool]:
    """Give the events after `after`, and whether they are the last; of a thinned run the whole state in their place."""
    rows = Event.objects.filter(run_id=run_id, seq__gt=after).values_list("seq", "kind", "data")
    facts = [Fact(*row) for row in rows]
    if facts and facts[-1].seq - after != len(facts):
        facts = [_snapshot(run_id)]
    is_open, last = Run.every.values_list("is_open", "seq").get(pk=run_id)
    reached = facts[-1].seq if facts else after
    return facts, not is_open and reached >= last


def _snapshot(run_id: str) -> Fact:
    state = load_state(run_id)
    return Fact(state.seq, "snapshot", {"run": run_json(state)})
