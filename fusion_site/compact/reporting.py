"""What a supervised host tells of itself while it lives, and how it knows that nobody needs it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fusion_site.compact.figures import Figures, HostFacts
from fusion_site.compact.machine import resident_bytes
from fusion_site.compact.modelthread import Hosted, ModelThread

TELL_EVERY_S = 0.5
LOOK_EVERY_S = 0.1
QUIET_LOOKS = 10  # an ask that found this host's address a moment ago may still be on its way


async def report(model: ModelThread, say: Callable[[dict[str, Any]], None]) -> None:
    """Say the figures whenever they changed, until cancelled."""
    told: Figures | None = None
    while True:
        if (figures := figures_of(model)) != told:
            say({"figures": asdict(figures)})
            told = figures
        await asyncio.sleep(TELL_EVERY_S)


def introduce(hosted: Hosted, say: Callable[[dict[str, Any]], None]) -> None:
    """Say once what the host is."""
    say({"facts": asdict(facts_of(hosted))})


async def drained(model: ModelThread) -> None:
    """Wait until nothing is written, nothing waits, and for a second nothing has come."""
    quiet, last = 0, figures_of(model)
    while quiet < QUIET_LOOKS:
        await asyncio.sleep(LOOK_EVERY_S)
        now = figures_of(model)
        is_still = now.count == last.count and not now.busy and not now.waiting
        quiet, last = (quiet + 1 if is_still else 0), now


def figures_of(model: ModelThread) -> Figures:
    """The figures as of now."""
    state = model.state
    if state.hosted is None:
        return Figures(progress=round(state.progress, 2), memory=resident_bytes())
    meter = state.hosted.scheduler.meter
    return Figures(
        progress=1.0,
        busy=meter.slots_busy,
        waiting=meter.waiting,
        read=meter.prompt_tokens,
        reused=meter.reused_tokens,
        written=meter.written_tokens,
        finished=meter.answers_finished,
        cancelled=meter.answers_cancelled,
        failed=meter.answers_failed,
        memory=resident_bytes(),
    )


def facts_of(hosted: Hosted) -> HostFacts:
    """What a model that is ready was given of this machine."""
    return HostFacts(
        description=hosted.model.facts.description,
        window=hosted.context.window,
        cells=hosted.context.cells,
        slots=hosted.options.slots,
        threads=hosted.context.threads,
        layers=hosted.model.placement.layers,
        gpu_layers=hosted.model.placement.on_gpu,
        gpus=", ".join(hosted.model.placement.gpus),
    )
