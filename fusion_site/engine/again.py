"""A later pass of a run that has ended: members are asked again, and what there is now is fused as a further version."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

from fusion_site.engine.answering import Emit
from fusion_site.engine.asking import Asker
from fusion_site.engine.calling import nothing_to_settle
from fusion_site.engine.control import Control
from fusion_site.engine.debating import standings
from fusion_site.engine.events import FusionEvent, Resume
from fusion_site.engine.fuse import stream_of
from fusion_site.engine.fusing import NOTHING_USABLE, Fusing
from fusion_site.engine.positions import Position
from fusion_site.engine.reading import Settled
from fusion_site.engine.settings import FusionSettings, Mode


def fuse_again(
    settings: FusionSettings,
    asker: Asker,
    *,
    resume: Resume,
    version: int,
    fuses: bool = True,
    control: Control | None = None,
    elapsed_s: float = 0.0,
    settled: Settled = nothing_to_settle,
) -> AsyncGenerator[FusionEvent, None]:
    """Stream what happens to a later pass, ending with exactly one FusionFinished.

    Asked are the members whose first answer is not in `resume`; everybody is waited for as long as answers count, and
    nobody debates again. With `fuses`, where the members stand then is fused as `version`; without, that is all. What
    `resume.guidance` has is merged in, and nobody is asked to choose. The rest is as in `fuse`, with a clock of its own.
    """

    def begin(asker: Asker, emit: Emit, settled: Settled) -> Fusing:
        given = (
            replace(settings, guided=False),
            asker,
            resume,
            control or Control(),
            emit,
            elapsed_s,
            settled,
        )
        return FusingAgain(*given, version=version, fuses=fuses)

    return stream_of(settings, asker, begin, settled)


def stand_now(settings: FusionSettings, resume: Resume) -> list[Position]:
    """Give what a later pass would fuse that asks nobody."""
    return standings(resume.answers, merging=settings.mode is Mode.MERGE)


class FusingAgain(Fusing):
    """Drives one later pass."""

    def __init__(
        self,
        settings: FusionSettings,
        asker: Asker,
        resume: Resume,
        control: Control,
        emit: Emit,
        elapsed_s: float,
        settled: Settled,
        *,
        version: int,
        fuses: bool,
    ) -> None:
        super().__init__(settings, asker, resume, control, emit, elapsed_s, settled, version)
        self._fuses = fuses

    async def _pass(self) -> tuple[str, str]:
        if not self._fuses:
            return "done", ""
        if self._resume.compared:
            positions = self._compared_before(self._resume.compared)
        else:
            answers = await self._members.everybody()
            first = {key: result for key, result in answers.items() if key.round == 0}
            self._scoring.look(first, is_waiting=False)
            positions = standings(answers, merging=self._settings.mode is Mode.MERGE)
        if not positions:
            return "failed", NOTHING_USABLE
        await self._fuse(positions)
        return "done", ""

    async def _debate(self, positions: list[Position]) -> list[Position]:
        return positions
