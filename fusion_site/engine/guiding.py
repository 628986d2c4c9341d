"""Before the final step: waiting for the reader's choice, and putting it into the merger's words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from fusion_site.engine.answering import Emit
from fusion_site.engine.candidates import Candidate
from fusion_site.engine.clock import PassClock
from fusion_site.engine.control import Control
from fusion_site.engine.defusing import anonymous, harmless
from fusion_site.engine.events import GuidanceGiven, GuidanceWanted, Resume
from fusion_site.engine.guidance import Guidance, Tick
from fusion_site.engine.members import Members
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.settings import FusionSettings

# A choice that was stored at the last moment may take this long to be heard of, in seconds.
HEARD_WITHIN_S = 2.0
MISSED = "Nobody chose in time what to keep."
NOT_HEEDED = "What you ticked was not used."
UNCOMPARED = "It follows what was ticked, and so was not compared with the best single answer."


class Paused(Exception):
    """Nothing more is to be done before the reader chooses: this pass may end, and go on later from what is stored."""


class Guide:
    """Asks for the reader's choice at most once a pass, and only where the settings say so."""

    def __init__(
        self,
        settings: FusionSettings,
        resume: Resume,
        control: Control,
        emit: Emit,
        clock: PassClock,
        members: Members,
    ) -> None:
        self._settings, self._resume, self._control = settings, resume, control
        self._emit, self._clock, self._members = emit, clock, members

    async def choice(self) -> Guidance | None:
        """Give what was chosen, or None where nobody is asked; raises Paused once only the reader is waited for.

        While late answers are being written, this pass stays to hear of it. The time for the final step begins then.
        """
        given = self._resume.guidance
        if given is None and not self._settings.guided:
            return None
        if given is None:
            self._emit(GuidanceWanted())
            given = await self._chosen()
            self._clock.restart()
        self._emit(GuidanceGiven(given))
        return given

    async def _chosen(self) -> Guidance:
        left_s = self._resume.guidance_left_s
        left_s = self._settings.guided_s if left_s is None else left_s
        told = asyncio.create_task(self._control.guidance())
        ended = asyncio.create_task(self._members.finished())
        try:
            await asyncio.wait(
                {told, ended}, timeout=left_s + HEARD_WITHIN_S, return_when=asyncio.FIRST_COMPLETED
            )
            if told.done():
                return told.result()
            if ended.done():
                ended.result()
                raise Paused
            return Guidance(missed=True)
        finally:
            told.cancel()
            ended.cancel()
            await asyncio.wait({told, ended})


def kept_answers(guidance: Guidance | None) -> set[AnswerKey]:
    """Give the answers of which a passage is to be kept."""
    return {tick.answer for tick in (guidance or Guidance()).keep if tick.answer is not None}


def wishes_json(
    guidance: Guidance, candidates: Sequence[Candidate], names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Give the choice as the merger reads it: which candidate a passage is from, by letter, and nobody's name."""
    letters = {candidate.key: candidate.letter for candidate in candidates}

    def told(ticks: Iterable[Tick]) -> list[dict[str, Any]]:
        return [
            {
                "from": tick.kind.value,
                "text": harmless(anonymous(tick.text, names)),
                **({"stance": harmless(anonymous(tick.stance, names))} if tick.stance else {}),
                **({"candidate": letters[tick.answer]} if tick.answer in letters else {}),
            }
            for tick in ticks
        ]

    return {"keep": told(guidance.keep), "leave_out": told(guidance.drop)}
