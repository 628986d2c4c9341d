"""Killed and frozen at random moments, drawn from a seed and counted in what the upstream has seen and sent.

`KILLS` says how many accidents (`make crash` asks for hundreds), `SEED` which ones. What happens within a moment is up to
the machine, so the same seed finds the same trouble often, not always.
"""

from __future__ import annotations

import os
import random
import secrets
from dataclasses import dataclass

from tests.crash.theatre import COUNTED, MEMBERS, Theatre
from tests.upstream import Script

KILLS = int(os.environ.get("KILLS", "6"))
SEED = os.environ.get("SEED") or ("4" if KILLS <= 6 else secrets.token_hex(4))
PIECES = 8
# Requests, pieces and endings of one undisturbed run: three members, a verdict, and a merge in three pieces.
MOMENTS = len(MEMBERS) * (PIECES + 2) + 3 + 5


@dataclass
class Accident:
    """What befalls the server: once the upstream has counted so many moments, it is killed or frozen."""

    moment: int
    freezes: bool


def accidents(draw: random.Random, runs: int, most: int) -> list[Accident]:
    """Draw what befalls one set of runs: now and then a second accident befalls the server that goes on with them."""
    count = min(most, draw.choice([1, 1, 2, 3]))
    return [Accident(draw.randint(0, MOMENTS * runs), freezes=draw.random() < 0.25) for _ in range(count)]


def moments(theatre: Theatre) -> int:
    """Count what the upstream has seen and sent."""
    return sum(1 + asked.sent + asked.is_whole for asked in list(theatre.upstream.ledger))


def befall(theatre: Theatre, accident: Accident) -> None:
    """Let it happen at its moment, or when all is over before, and have somebody go on with the runs."""
    until = moments(theatre) + accident.moment
    theatre.until("its moment", lambda: moments(theatre) >= until or theatre.is_quiet)
    if accident.freezes:
        theatre.freeze()
        theatre.all_sound()
        theatre.take_over()
        theatre.all_over()
        theatre.thaw()
    else:
        theatre.kill()
        theatre.restart()


def script(draw: random.Random, name: str) -> Script:
    """Draw how a member writes: at once or with pauses, now and then without saying what it costs."""
    pieces = [f"{name} writes piece {number}. " for number in range(PIECES)]
    usage = COUNTED if draw.random() < 0.8 else None
    return Script(pieces, usage=usage, pace_s=draw.choice([0.0, 0.005, 0.02, 0.05]))


def play(theatre: Theatre, seed: str, most: int) -> int:
    """Start a set of runs, let accidents befall them, check all of them; gives how many accidents there were."""
    draw = random.Random(seed)
    theatre.plays(**{name: script(draw, name) for name in MEMBERS})
    runs = draw.randint(1, 4)
    befalling = accidents(draw, runs, most)
    theatre.start(runs, draw.choice(["merge", "merge", "best_of", "debate"]), quorum=draw.choice([2, 3]))
    for accident in befalling:
        befall(theatre, accident)
    theatre.all_ended()
    assert set(theatre.states()) == {"done"}
    return len(befalling)


def test_nothing_is_lost_whenever_it_happens(theatre: Theatre) -> None:
    done = number = 0
    while done < KILLS:
        print(f"SEED={SEED}: {done} of {KILLS} accidents befell {number} sets of runs", flush=True)
        done += play(theatre, f"{SEED}-{number}", KILLS - done)
        number += 1
