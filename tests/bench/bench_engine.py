"""The engine alone: what it adds to the time of its models, without a network, and how close each mode comes to the ideal.

The ideal is the time at which the answers that count are there, and then one after another the calls that must wait for each
other: comparing, merging, making sure that a merge does no harm, a round of debate.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from statistics import median

import pytest

from fusion_site.engine.events import FusedFinished
from fusion_site.engine.fuse import fuse
from fusion_site.engine.settings import FusionSettings, Mode
from tests.engine.judges import holding, judge_by, scores_by, tasks
from tests.engine.recording import cast, settings
from tests.engine.scripted import ScriptedAsker, writes

GOAL = 1.03
# Seconds: three answers and one more call, as a judge or a debating member takes.
TIMES, CALL_S = (0.5, 1.0, 2.0), 0.5
# Milliseconds that a run may take of the engine's own.
MOST_MS = 50.0
ROUNDS = 20
PROSE = "Reasons, figures and a conclusion. " * 60
MARKS = {"0:": [True] * 4, "1:": [True, False, True, True]}


def made(times: Sequence[float], call_s: float) -> ScriptedAsker:
    """Give members that write prose in these times, and a judge that takes `call_s` a call."""
    talk = [
        tasks(answer=writes(f"{n}: {PROSE}", after, pieces=4), challenge=writes("KEEP\nReason: fine", call_s))
        for n, after in enumerate(times)
    ]
    early = scores_by(MARKS, after=call_s)
    return cast(*talk, judge=judge_by(holding("0:"), after=call_s), early=early)


async def fused_after(chosen: FusionSettings, asker: ScriptedAsker) -> float:
    """Give the seconds to the fused answer, and let the run end."""
    began, at = time.perf_counter(), 0.0
    async with aclosing(fuse(chosen, asker)) as events:
        async for event in events:
            if isinstance(event, FusedFinished):
                at = time.perf_counter() - began
    return at


def pool(mode: Mode, members: int, **more: object) -> FusionSettings:
    """Give settings that wait for everybody, unless told."""
    return settings(mode, members=members, **{"quorum": members, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "more", "calls"),
    [
        (Mode.BEST_OF, {}, 1),
        (Mode.MERGE, {}, 2),
        (Mode.MERGE, {"do_no_harm": True}, 3),
        (Mode.DEBATE, {}, 2),
    ],
)
def test_each_mode_comes_close_to_the_ideal(mode: Mode, more: dict[str, object], calls: int) -> None:
    ideal = max(TIMES) + calls * CALL_S
    seconds = asyncio.run(fused_after(pool(mode, len(TIMES), **more), made(TIMES, CALL_S)))
    print(
        f"\n{mode.value}{' ' if more else ''}{'/'.join(more)}: {seconds:.3f} s, ideal {ideal:.3f} s: {seconds / ideal:.3f}"
    )
    assert seconds / ideal <= GOAL


def test_a_quorum_of_two_of_three_with_three_seconds_of_grace() -> None:
    times, reached, grace_s = (2.3, 4.5, 18.2), 4.5, 3.0
    ideal = reached + grace_s + CALL_S
    chosen = pool(Mode.BEST_OF, len(times), quorum=2, grace=(reached + grace_s) / reached)
    seconds = asyncio.run(fused_after(chosen, made(times, CALL_S)))
    print(f"\nquorum: {seconds:.3f} s, ideal {ideal:.3f} s: {seconds / ideal:.3f}")
    assert seconds / ideal <= GOAL


@pytest.mark.parametrize("members", [3, 8])
def test_what_a_run_takes_of_the_engine_itself(members: int) -> None:
    def once() -> float:
        return asyncio.run(
            fused_after(pool(Mode.MERGE, members, do_no_harm=True), made([0.0] * members, 0.0))
        )

    once()
    spent = median(once() for _ in range(ROUNDS)) * 1000
    print(f"\n{members} members, merge with do no harm: {spent:.1f} ms a run")
    assert spent <= MOST_MS
