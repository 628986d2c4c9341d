"""The course of one pass: answer, agree or judge, fuse, settle."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fusion_site.engine.answering import Emit, write_answer
from fusion_site.engine.asking import Ask, Asker, Message
from fusion_site.engine.calling import Calls, Spending
from fusion_site.engine.candidates import Candidate, anonymous, lettered
from fusion_site.engine.control import Control
from fusion_site.engine.debating import challenge, moved
from fusion_site.engine.events import (
    AnswerKey,
    AnswerResult,
    FusedDelta,
    FusedFinished,
    FusedStarted,
    FusionFinished,
    Resume,
    Source,
    VerdictFinished,
    VerdictStarted,
)
from fusion_site.engine.judging import Judgement, Unjudged, judge, verdict_json, vote_json
from fusion_site.engine.merging import Unmerged, is_better, merge
from fusion_site.engine.positions import Position, is_usable, leading, positions_of
from fusion_site.engine.quorum import Answers, Waiting
from fusion_site.engine.settings import FusionSettings, Member, Mode

VERSION = 1
# A fused answer that is returned word for word is still sent in pieces of this many characters.
PIECE = 2000


class NothingUsable(Exception):
    """No member gave a usable answer."""


class Fusing:
    """Drives one pass and reports every fact of it through `emit`."""

    def __init__(
        self,
        settings: FusionSettings,
        asker: Asker,
        resume: Resume,
        control: Control,
        emit: Emit,
        elapsed_s: float,
    ) -> None:
        self._settings, self._asker, self._resume = settings, asker, resume
        self._control, self._emit = control, emit
        self._tasks: dict[AnswerKey, asyncio.Task[AnswerResult]] = {}
        self._elapsed_s = elapsed_s
        self._spending = Spending(settings.budget_usd)
        for paid in (*resume.answers.values(), *resume.steps.values()):
            self._spending.add(paid)
        self._calls = Calls(
            asker,
            emit,
            resume.steps,
            self._spending,
            asyncio.get_running_loop().time() + settings.deadline_s - elapsed_s,
        )

    async def run(self) -> None:
        """Go through the whole pass; being cancelled drops every ask of it."""
        try:
            state, message = await self._pass()
            await self._settle()
            self._emit(FusionFinished(state, message))
        finally:
            for task in self._tasks.values():
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks.values())

    async def _pass(self) -> tuple[str, str]:
        answers = await self._first_answers()
        if self._resume.fused is not None:
            return "done", ""
        try:
            await self._fused_from(answers)
        except NothingUsable:
            for key in self._tasks:
                self._control.give_up(key)
            return "failed", "No member gave a usable answer."
        return "done", ""

    # Asking -----------------------------------------------------------------------------------------------

    async def _first_answers(self) -> Answers:
        stored = {k: r for k, r in self._resume.answers.items() if k.round == 0}
        for member in self._settings.members:
            key = AnswerKey(0, member.index)
            if key not in stored:
                self._ask(
                    key,
                    Ask(member.model, self._messages(member), member.sampling, self._member_deadline(member)),
                )
        return await self._wait(stored, round_number=0)

    def _messages(self, member: Member) -> tuple[Message, ...]:
        own = [member.system] if member.system else []
        given = [m.content for m in self._settings.messages if m.role == "system"]
        turns = tuple(m for m in self._settings.messages if m.role != "system")
        system = "\n\n".join(own + given)
        return (Message("system", system), *turns) if system else turns

    def _member_deadline(self, member: Member) -> float:
        return member.deadline_s or self._settings.deadline_s

    def _ask(self, key: AnswerKey, ask: Ask) -> None:
        writing = write_answer(key, ask, self._asker, self._control, self._emit)
        task = asyncio.create_task(writing)
        task.add_done_callback(self._count)
        self._tasks[key] = task

    def _count(self, task: asyncio.Task[AnswerResult]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._spending.add(task.result())

    async def _wait(self, stored: Answers, *, round_number: int) -> Answers:
        mine = {k: t for k, t in self._tasks.items() if k.round == round_number}
        waiting = Waiting(
            quorum=min(self._settings.quorum_size, len(stored) + len(mine)),
            grace=self._settings.grace,
            limit_s=max(0.0, self._settings.answering_s - self._spent_s()),
            required={AnswerKey(round_number, m.index) for m in self._settings.members if m.required},
            usable=is_usable,
        )
        return await waiting.wait(mine, stored)

    def _spent_s(self) -> float:
        return self._settings.deadline_s - self._calls.seconds_left

    async def _settle(self) -> None:
        """Wait for the late ones; each goes on to its own deadline."""
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        for task in self._tasks.values():
            task.result()

    # Fusing -----------------------------------------------------------------------------------------------

    async def _fused_from(self, answers: Answers) -> None:
        mode = self._settings.mode
        positions = positions_of(answers, merging=mode is Mode.MERGE)
        if not positions:
            raise NothingUsable
        if len(positions) == 1:
            self._verbatim(Source.SINGLE, positions[0], positions)
            return
        front, value = leading(positions)
        if value is None or len(front) < (len(positions) if mode is Mode.DEBATE else 2):
            await self._judged(await self._debated(positions) if mode is Mode.DEBATE else front or positions)
        else:
            self._agreed(front, positions, value)

    def _agreed(self, front: Sequence[Position], positions: Sequence[Position], value: str) -> None:
        self._emit(VerdictStarted())
        self._emit(VerdictFinished(vote_json([p.key for p in front], value)))
        note = f"{len(front)} of {len(positions)} agreed on {value}."
        self._verbatim(Source.VOTE, front[0], positions, note=note)

    async def _debated(self, positions: list[Position]) -> list[Position]:
        for number in range(1, self._settings.debate_rounds + 1):
            if self._calls.why_not or self._spent_s() >= self._settings.answering_s:
                break
            positions = await self._round(number, positions)
        return positions

    async def _round(self, number: int, positions: list[Position]) -> list[Position]:
        stored = {k: r for k, r in self._resume.answers.items() if k.round == number}
        members = {m.index: m for m in self._settings.members}
        for position in positions:
            key = AnswerKey(number, position.key.member)
            if key not in stored:
                member = members[key.member]
                self._ask(key, challenge(self._settings, member, positions, self._member_deadline(member)))
        replies = await self._wait(stored, round_number=number)
        return [
            moved(p, key, replies[key]) if _has_usable(replies, key := AnswerKey(number, p.key.member)) else p
            for p in positions
        ]

    async def _judged(self, positions: Sequence[Position]) -> None:
        candidates = self._candidates(positions)
        self._emit(VerdictStarted())
        try:
            if why := self._calls.why_not:
                raise Unjudged(why)
            judgement = await judge(self._settings, candidates, self._calls)
        except Unjudged as unjudged:
            self._emit(VerdictFinished({**UNJUDGED, "note": str(unjudged)}))
            self._verbatim(Source.FALLBACK, positions[0], positions, note=str(unjudged))
            return
        self._emit(VerdictFinished(verdict_json(self._settings, judgement)))
        await self._fused(judgement, positions)

    def _candidates(self, positions: Sequence[Position]) -> list[Candidate]:
        members = {m.index: m for m in self._settings.members}
        names = [
            name for m in members.values() for name in (m.label, m.model.model, m.model.model.split("/")[-1])
        ]
        return lettered(
            [
                Candidate(
                    p.key,
                    anonymous(p.text, names),
                    aspect=members[p.key.member].aspect,
                    truncated=p.truncated,
                )
                for p in positions
            ],
            self._settings.seed,
        )

    async def _fused(self, judgement: Judgement, positions: Sequence[Position]) -> None:
        winner = next(p for p in positions if p.key == judgement.winner.key)
        note = CLOSE_CALL if judgement.close_call else ""
        if self._settings.mode is Mode.MERGE:
            await self._merged(judgement, winner, positions)
        elif self._settings.mode is Mode.DEBATE:
            self._verbatim(Source.DEBATE, winner, positions, note=note)
        else:
            self._verbatim(Source.BEST_OF, winner, positions, note=note)

    async def _merged(self, judgement: Judgement, best: Position, positions: Sequence[Position]) -> None:
        used = [c.key for c in judgement.ranked()[:3]]
        try:
            result = await merge(
                self._settings,
                judgement,
                self._calls,
                begin=lambda: self._begin(Source.MERGE, used),
                on_text=lambda text: self._emit(FusedDelta(VERSION, text)),
            )
        except Unmerged as unmerged:
            self._verbatim(Source.FALLBACK, best, positions, note=str(unmerged))
            return
        if self._settings.do_no_harm and not await is_better(
            self._settings, result.text, judgement.winner, self._calls
        ):
            self._verbatim(Source.BEST_OF, best, positions, note=NOT_BETTER)
            return
        self._emit(FusedFinished(VERSION))

    def _verbatim(
        self, source: Source, position: Position, positions: Sequence[Position], note: str = ""
    ) -> None:
        used = [p.key for p in positions] if source is not Source.SINGLE else [position.key]
        if position.truncated:
            note = f"{note} {CUT_SHORT}".strip()
        self._begin(source, used, note)
        for start in range(0, len(position.text), PIECE):
            self._emit(FusedDelta(VERSION, position.text[start : start + PIECE]))
        self._emit(FusedFinished(VERSION))

    def _begin(self, source: Source, used: Sequence[AnswerKey], note: str = "") -> None:
        late = [key for key, task in self._tasks.items() if not task.done()]
        self._emit(FusedStarted(VERSION, source, tuple(used), tuple(late), note))


CLOSE_CALL = "A close call: the judge did not decide the same way twice, so the higher score was taken."
NOT_BETTER = "The merged answer did not beat the best single answer in both orders, so that one is returned."
CUT_SHORT = "This answer was cut off by its length limit."
UNJUDGED: dict[str, Any] = {
    "winner": None,
    "close_call": False,
    "candidates": [],
    "judge": None,
    "passes": [],
}


def _has_usable(replies: Answers, key: AnswerKey) -> bool:
    return key in replies and is_usable(replies[key])
