"""One run from its first question to its fused answer, as a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from fusion_site.engine.answering import Emit
from fusion_site.engine.asking import Asker
from fusion_site.engine.calling import nothing_to_settle
from fusion_site.engine.control import Control
from fusion_site.engine.events import FusionEvent, FusionFinished, FusionPaused, Resume
from fusion_site.engine.fusing import Fusing
from fusion_site.engine.reading import Settled
from fusion_site.engine.retention import ZeroRetentionAsker
from fusion_site.engine.settings import FusionSettings
from fusion_site.engine.sight import SightedAsker

Begin = Callable[[Asker, Emit, Settled], Fusing]


def fuse(
    settings: FusionSettings,
    asker: Asker,
    *,
    resume: Resume | None = None,
    control: Control | None = None,
    elapsed_s: float = 0.0,
    settled: Settled = nothing_to_settle,
) -> AsyncGenerator[FusionEvent, None]:
    """Stream what happens to a run, ending with exactly one FusionFinished, or FusionPaused where a reader is waited for.

    `resume` holds what an earlier attempt finished: none of it is asked again. `elapsed_s` is the part of the
    deadline that has passed already. `settled` is awaited before each request, to a member or a judge, once every event
    before it has been read: there a reader makes sure of what it was told, since the request may cost money and builds on
    it. Whatever it raises ends the run. Closing the generator drops every upstream connection at once.
    """

    def begin(asker: Asker, emit: Emit, settled: Settled) -> Fusing:
        return Fusing(settings, asker, resume or Resume(), control or Control(), emit, elapsed_s, settled)

    return stream_of(settings, asker, begin, settled)


async def stream_of(
    settings: FusionSettings, asker: Asker, begin: Begin, settled: Settled
) -> AsyncGenerator[FusionEvent, None]:
    """Stream what one pass reports, which `begin` makes."""
    if settings.zero_retention:
        asker = ZeroRetentionAsker(asker)
    if settings.blind:
        asker = SightedAsker(asker, frozenset(settings.blind))
    outbox: asyncio.Queue[FusionEvent | None] = asyncio.Queue()

    async def all_settled() -> None:
        await outbox.join()
        await settled()

    driver = asyncio.create_task(_drive(begin(asker, outbox.put_nowait, all_settled), outbox))
    try:
        while (event := await outbox.get()) is not None:
            yield event
            outbox.task_done()
            if isinstance(event, FusionFinished | FusionPaused):
                break
        await driver
    finally:
        driver.cancel()
        await asyncio.wait([driver])


async def _drive(fusing: Fusing, outbox: asyncio.Queue[FusionEvent | None]) -> None:
    try:
        await fusing.run()
    finally:
        outbox.put_nowait(None)
