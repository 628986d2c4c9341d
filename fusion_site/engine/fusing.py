"""The course of one pass: answer, agree or judge, fuse, settle."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fusion_site.engine.ahead import ReadingAhead
from fusion_site.engine.answering import Emit
from fusion_site.engine.asking import Asker
from fusion_site.engine.calling import Calls, Spending
from fusion_site.engine.candidates import Candidate, lettered, shown_of
from fusion_site.engine.clock import PassClock
from fusion_site.engine.confirming import confirmed
from fusion_site.engine.control import Control
from fusion_site.engine.debating import moved, standing
from fusion_site.engine.defusing import anonymous, names_of
from fusion_site.engine.events import (
    FusionFinished,
    FusionPaused,
    Resume,
    VerdictDelta,
    VerdictFinished,
    VerdictReading,
    VerdictStarted,
)
from fusion_site.engine.family import family_of
from fusion_site.engine.findings import unjudged_json, verdict_json, vote_json
from fusion_site.engine.guidance import Guidance
from fusion_site.engine.guiding import MISSED, NOT_HEEDED, UNCOMPARED, Guide, Paused
from fusion_site.engine.judging import Hearing, Unjudged, judge
from fusion_site.engine.members import Members
from fusion_site.engine.merging import Unmerged, best_of, harm, merge
from fusion_site.engine.moves import moves_in
from fusion_site.engine.positions import Answers, Count, Position, counted, first_whole, positions_of
from fusion_site.engine.reading import Settled
from fusion_site.engine.results import AnswerKey, Source
from fusion_site.engine.returning import FusedAnswer
from fusion_site.engine.scoring import Scoring
from fusion_site.engine.settings import FusionSettings, Mode
from fusion_site.engine.weighing import Judgement

NOTHING_USABLE = "No member gave a usable answer."
BEST_SCORED = "It had the best score so far."
UNSCORED = "None had a score by then, so it is the first in the pool."


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
        settled: Settled,
        version: int = 1,
    ) -> None:
        self._settings, self._resume, self._emit = settings, resume, emit
        self._families = {member.index: family_of(member.model.model) for member in settings.members}
        self._clock = PassClock(settings, elapsed_s)
        spending = Spending(settings.budget_usd, resume.paid_usd)
        for paid in (*resume.answers.values(), *resume.steps.values()):
            spending.add(paid)
        self._members = Members(
            settings, asker, control, emit, spending, self._clock, resume.answers, settled
        )
        self._calls = Calls(asker, emit, resume.steps, spending, self._clock, settled)
        self._scoring = Scoring(settings, self._calls, on_news=self._read_ahead)
        self._ahead = ReadingAhead(settings, asker, self._clock)
        self._so_far: Answers = {}
        self._fused = FusedAnswer(emit, self._members.late, version)
        self._answers: Answers = dict(resume.answers)
        self._guide = Guide(settings, resume, control, emit, self._clock, self._members)

    async def run(self) -> None:
        """Go through the whole pass; being cancelled drops every ask of it."""
        try:
            self._members.ask_all()
            state, message = ("done", "") if self._resume.fused else await self._pass()
            await self._members.finished()
            await self._scoring.finished()
            self._emit(FusionFinished(state, message))
        except Paused:
            await self._scoring.finished()
            self._emit(FusionPaused())
        finally:
            await asyncio.gather(self._members.drop(), self._scoring.drop(), self._ahead.drop())

    async def _pass(self) -> tuple[str, str]:
        if self._resume.compared:
            positions = self._compared_before(self._resume.compared)
        else:
            answers = self._answers = await self._members.answers(0, self._look)
            positions = positions_of(answers, merging=self._settings.mode is Mode.MERGE)
        if not positions:
            self._members.give_up()
            return "failed", NOTHING_USABLE
        await self._fuse(positions)
        return "done", ""

    def _look(self, answers: Answers, *, is_waiting: bool) -> None:
        """Take in which answers are there, while others are waited for and once more when they are not."""
        self._so_far = answers
        self._ahead.look(answers)
        self._scoring.look(answers, is_waiting=is_waiting)
        if is_waiting:
            self._read_ahead()
        else:
            self._ahead.close()

    def _read_ahead(self) -> None:
        """Have the judge's server read what would be compared if one more answer came."""
        if not self._ahead.is_open:
            return
        positions = positions_of(self._so_far, merging=self._settings.mode is Mode.MERGE)
        finalists = self._scoring.finalists(positions, to_come=1)
        expected = [c for c in self._candidates(positions, finalists) if c.key in finalists]
        self._ahead.read(expected, self._scoring.needs)

    def _compared_before(self, keys: Sequence[AnswerKey]) -> list[Position]:
        self._members.settle_on(keys)
        self._scoring.look({key: self._resume.answers[key] for key in keys}, is_waiting=False)
        self._scoring.settle_on(self._resume.scored, with_needs=self._resume.with_needs)
        self._ahead.settle_on(self._resume.arrived)
        return [standing(key, self._resume.answers) for key in keys]

    async def _fuse(self, positions: list[Position]) -> None:
        """Return what agrees without a judge, or have the positions judged."""
        if len(positions) == 1:
            self._fused.verbatim(Source.SINGLE, positions[0], _keys(positions))
            return
        count = Count(0) if _is_debated(positions) else counted(positions, self._families)
        is_agreed = count.is_unanimous or (count.is_plurality and self._settings.mode is not Mode.DEBATE)
        if is_agreed and not self._resume.guidance:
            self._agree(count, positions)
        elif self._settings.mode is Mode.DEBATE:
            positions = positions if self._resume.compared else await self._debate(positions)
            await self._judge(positions, positions)
        else:
            await self._judge(count.front if count.is_tie else positions, positions)

    def _agree(self, count: Count, positions: Sequence[Position]) -> None:
        value = str(count.value)
        self._emit(VerdictStarted(_keys(positions)))
        self._emit(VerdictFinished(vote_json(_keys(count.front), value)))
        note = f"{len(count.front)} of {count.voters} agreed on {value}."
        self._fused.verbatim(Source.VOTE, count.front[0], _keys(positions), note)

    async def _debate(self, positions: list[Position]) -> list[Position]:
        for number in range(1, self._settings.debate_rounds + 1):
            if not self._calls.why_not and self._clock.answering_left_s > 0:
                self._members.challenge_all(number, positions)
            replies = await self._members.answers(number)
            self._answers = {**self._answers, **replies}
            keys = {key.member: key for key in replies}
            positions = [
                moved(p, key, replies[key]) if (key := keys.get(p.key.member)) else p for p in positions
            ]
        return positions

    async def _judge(self, positions: Sequence[Position], counting: Sequence[Position]) -> None:
        needs = self._scoring.needs
        scored, arrived = self._scoring.scored(positions), self._ahead.arrived(_keys(positions))
        self._emit(VerdictStarted(_keys(counting), scored, with_needs=bool(needs), arrived=arrived))
        try:
            judgement = await self._compare(positions, self._scoring.finalists(positions), needs)
        except Unjudged as unjudged:
            self._emit(VerdictFinished({**unjudged_json(str(unjudged)), **self._moves(positions)}))
            # Also scores that came too late for the comparison.
            best_scored = self._scoring.best(positions)
            why = f"{unjudged} {BEST_SCORED if best_scored else UNSCORED}"
            self._fall_back(best_scored or first_whole(positions), positions, why, self._resume.guidance)
            return
        self._emit(VerdictFinished({**verdict_json(self._settings, judgement), **self._moves(positions)}))
        winner = next(p for p in positions if p.key == judgement.winner.key)
        await self._finish(judgement, winner, positions, await self._guide.choice())

    async def _finish(
        self,
        judgement: Judgement,
        winner: Position,
        positions: Sequence[Position],
        guidance: Guidance | None,
    ) -> None:
        """Take the final step: what a reader ticked is for a merger to heed, whatever the mode."""
        self._fused.guided_by(guidance)
        missed = MISSED if guidance is not None and guidance.missed else ""
        if guidance or self._settings.mode is Mode.MERGE:
            await self._merge(judgement, winner, positions, guidance, missed)
        else:
            source = Source.DEBATE if self._settings.mode is Mode.DEBATE else Source.BEST_OF
            self._fused.verbatim(source, winner, _keys(positions), f"{judgement.note} {missed}".strip())

    def _fall_back(
        self, position: Position, positions: Sequence[Position], why: str, guidance: Guidance | None
    ) -> None:
        self._fused.guided_by(guidance)
        why = f"{why} {NOT_HEEDED}" if guidance else why
        self._fused.verbatim(Source.FALLBACK, position, _keys(positions), why)

    async def _compare(
        self, positions: Sequence[Position], finalists: Sequence[AnswerKey], needs: tuple[str, ...]
    ) -> Judgement:
        candidates = self._candidates(positions, finalists)
        shown = [c for c in candidates if c.key in finalists]
        judgement = await judge(
            self._settings, shown, self._calls, needs=needs, hearing=self._hearing(), follows=self._merges
        )
        judgement = await confirmed(self._settings, judgement, self._calls)
        return replace(judgement, rest=tuple(c for c in candidates if c.key not in finalists))

    @property
    def _merges(self) -> bool:
        """Whether what is compared is to be merged then."""
        return self._settings.mode is Mode.MERGE or bool(self._resume.guidance)

    def _hearing(self) -> Hearing:
        """Pass on what the judge writes, as it writes it."""
        return Hearing(
            begin=lambda shown: self._emit(VerdictReading(shown_of(shown))),
            text=lambda text: self._emit(VerdictDelta(text)) if text else None,
        )

    def _moves(self, positions: Sequence[Position]) -> dict[str, Any]:
        """Give who moved in the debate, as a part of the verdict; nothing where there was none."""
        moves = moves_in(self._answers, positions)
        return {"moves": moves} if moves else {}

    def _candidates(self, positions: Sequence[Position], finalists: Sequence[AnswerKey]) -> list[Candidate]:
        names = names_of(self._settings.members, self._settings.question)
        aspects = {member.index: member.aspect for member in self._settings.members}
        candidates = [
            Candidate(
                p.key,
                anonymous(p.text, names),
                aspect=aspects[p.key.member],
                reason=anonymous(p.reason, names),
                truncated=p.truncated,
                early=self._scoring.of(p.key),
            )
            for p in positions
        ]
        arrived = self._ahead.arrived(_keys(positions))
        return lettered(candidates, self._settings.seed, finalists, arrived)

    async def _merge(
        self,
        judgement: Judgement,
        best: Position,
        positions: Sequence[Position],
        guidance: Guidance | None,
        note: str,
    ) -> None:
        used = [candidate.key for candidate in best_of(judgement, guidance)]
        # The best single answer was written before anything was ticked: returning it would pass over the reader's choice.
        is_compared = self._settings.do_no_harm and not guidance
        if guidance and self._settings.do_no_harm:
            note = UNCOMPARED
        try:
            text = await merge(
                self._settings,
                judgement,
                self._calls,
                begin=lambda: self._fused.begin(Source.MERGE, used, note),
                on_text=self._fused.write,
                guidance=guidance,
            )
        except Unmerged as unmerged:
            self._fall_back(best, positions, str(unmerged), guidance)
            return
        if is_compared and (why := await harm(self._settings, text, judgement, self._calls)):
            self._fused.verbatim(Source.BEST_OF, best, _keys(positions), f"{note} {why}".strip())
        else:
            self._fused.finish()


def _keys(positions: Sequence[Position]) -> tuple[AnswerKey, ...]:
    return tuple(position.key for position in positions)


def _is_debated(positions: Sequence[Position]) -> bool:
    return any(position.key.round > 0 for position in positions)
