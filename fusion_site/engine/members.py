"""Asking the members of a pool: all at once, each to its own end, while only the answers in good time count."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from fusion_site.engine.answering import Emit, write_answer
from fusion_site.engine.asking import Ask, Asker, Message
from fusion_site.engine.calling import Spending
from fusion_site.engine.clock import PassClock
from fusion_site.engine.control import Control
from fusion_site.engine.debating import challenge
from fusion_site.engine.positions import Answers, Position, is_answer, is_cut_short, is_usable
from fusion_site.engine.quorum import Look, Waiting
from fusion_site.engine.reading import Settled
from fusion_site.engine.results import AnswerKey, AnswerResult
from fusion_site.engine.settings import FusionSettings, Member, Mode
from fusion_site.engine.thread import messages_for


class Members:
    """The members of one pass. `stored` are the answers that an earlier attempt finished."""

    def __init__(
        self,
        settings: FusionSettings,
        asker: Asker,
        control: Control,
        emit: Emit,
        spending: Spending,
        clock: PassClock,
        stored: Mapping[AnswerKey, AnswerResult],
        settled: Settled,
    ) -> None:
        self._settings, self._asker, self._control, self._emit = settings, asker, control, emit
        self._spending, self._clock, self._stored = spending, clock, stored
        self._tasks: dict[AnswerKey, asyncio.Task[AnswerResult]] = {}
        self._counting: set[AnswerKey] = set()
        self._settled = settled

    def ask_all(self) -> None:
        """Ask everybody for a first answer."""
        for member in self._settings.members:
            self._ask(AnswerKey(0, member.index), member, messages_for(self._settings, member))

    def challenge_all(self, number: int, positions: Sequence[Position]) -> None:
        """Ask everybody who holds a position about those of the others, in debate round `number`."""
        members = {member.index: member for member in self._settings.members}
        for position in positions:
            member = members[position.key.member]
            key = AnswerKey(number, member.index)
            self._ask(key, member, challenge(self._settings, member, positions))

    async def answers(self, number: int, look: Look | None = None) -> Answers:
        """Wait for the answers of one round that count; whatever comes later is late. `look` sees them come in."""
        stored = {key: result for key, result in self._stored.items() if key.round == number}
        tasks = {key: task for key, task in self._tasks.items() if key.round == number}
        waiting = Waiting(
            quorum=min(self._settings.quorum_size, len(stored) + len(tasks)),
            grace=self._settings.grace,
            limit_s=self._clock.answering_left_s,
            required={AnswerKey(number, m.index) for m in self._settings.members if m.required},
            usable=is_answer,
            look=look,
        )
        answers = await waiting.wait(tasks, stored)
        self._counting.update(answers)
        return answers

    async def everybody(self) -> Answers:
        """Wait for all that are asked, as long as answers count; gives theirs and all stored ones, of every round."""
        waiting = Waiting(
            quorum=len(self._settings.members),
            grace=self._settings.grace,
            limit_s=self._clock.answering_left_s,
            required=set(self._tasks),
            usable=is_usable,
        )
        answers = await waiting.wait(self._tasks, self._stored)
        self._counting.update(answers)
        return answers

    def settle_on(self, compared: Sequence[AnswerKey]) -> None:
        """Take it as known which members' answers count: those that an earlier attempt compared."""
        counting = {key.member for key in compared}
        self._counting.update(key for key in self._stored if key.member in counting)

    def late(self) -> tuple[AnswerKey, ...]:
        """Give the answers that came, or may still come, after the answers that count had been settled."""
        open_or_good = [key for key in {*self._stored, *self._tasks} if self._may_be_good(key)]
        return tuple(sorted(key for key in open_or_good if key not in self._counting))

    def give_up(self) -> None:
        """End every answer that is still being written, as out of time."""
        for key in self._tasks:
            self._control.give_up(key)

    async def finished(self) -> None:
        """Wait for the late ones; each goes on to its own deadline."""
        if not self._tasks:
            return
        # No gather: being cancelled, it would cancel them too, and `drop` once more in the middle of their closing.
        done, _ = await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def drop(self) -> None:
        """Drop every ask that still runs."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def _ask(self, key: AnswerKey, member: Member, messages: tuple[Message, ...]) -> None:
        if key in self._stored:
            return
        deadline_s = self._clock.left_s if member.deadline_s is None else member.deadline_s
        if self._spending.is_over:
            self._control.refuse(key)
        elif deadline_s <= 0:
            self._control.give_up(key)
        ask = Ask(member.model, messages, member.sampling, deadline_s)
        writing = write_answer(key, ask, self._asker, self._control, self._emit, self._settled)
        task = asyncio.create_task(writing)
        task.add_done_callback(self._count)
        self._tasks[key] = task

    def _count(self, task: asyncio.Task[AnswerResult]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._spending.add(task.result())

    def _may_be_good(self, key: AnswerKey) -> bool:
        if key in self._stored:
            result = self._stored[key]
        elif self._tasks[key].done():
            result = self._tasks[key].result()
        else:
            return True
        return is_usable(result) or (self._settings.mode is Mode.MERGE and is_cut_short(result))
