"""Scoring answers as they come in, while others are still being written, so that only the best need be compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from fusion_site.engine.asking import Message, Outcome, Sampling
from fusion_site.engine.calling import Calls, Refused
from fusion_site.engine.candidates import Candidate, clipped
from fusion_site.engine.checks import Scored, checks_in, score_of
from fusion_site.engine.clock import Turn
from fusion_site.engine.defusing import anonymous, harmless, names_of
from fusion_site.engine.ladder import Unreadable, find_object
from fusion_site.engine.merging import MERGED_AT_MOST
from fusion_site.engine.needs import NEEDS_TOKENS, needs_in
from fusion_site.engine.positions import Answers, Position, counted, positions_of
from fusion_site.engine.prompts import mark_in, needs_messages, score_messages
from fusion_site.engine.refusals import is_refusal
from fusion_site.engine.results import AnswerKey, AnswerResult
from fusion_site.engine.schema import Schema, score_schema
from fusion_site.engine.settings import FusionSettings, Mode
from fusion_site.engine.window import Window

# Reasons and a dozen criteria with quotes fit; a reasoning judge needs the room.
SCORE_TOKENS = 2048
# Two answers are compared as they are: to score one of them first would tell nothing that comparing does not.
FEWEST_MEMBERS = 3
# How many are compared: for a pick the top two (distractors flip 35 % of comparisons, but 9 % of scores given one by
# one); for a merge all that it is made of, since its analysis has to speak of each.
PLACES = {Mode.BEST_OF: 2, Mode.MERGE: MERGED_AT_MOST}
# How long a run that is over otherwise stays open for these calls, in seconds: until then its answer cannot be followed up.
LINGER_S = 60.0
NEEDS = "needs"
# All candidates go by one letter here: each is alone in its call, and the calls share their beginning.
LETTER = "A"


def asks_needs(settings: FusionSettings) -> bool:
    """Whether a run may ask what a right answer needs."""
    return settings.mode in PLACES and len(settings.members) >= FEWEST_MEMBERS


def most_scores(settings: FusionSettings) -> int:
    """Give how many single answers may be scored: none where all would be compared anyway, and never the last one."""
    is_narrowed = asks_needs(settings) and len(settings.members) > PLACES[settings.mode]
    return len(settings.members) - 1 if is_narrowed else 0


class Scoring:
    """What the judge says of single answers before they are compared. Nothing waits for it, and it may be missing.

    `on_news` is called when it has said something that changes what will be compared, or is shown with it.
    """

    def __init__(self, settings: FusionSettings, calls: Calls, on_news: Callable[[], None]) -> None:
        self._settings, self._calls, self._on_news = settings, calls, on_news
        self._places = PLACES.get(settings.mode, 0)
        self._names = names_of(settings.members, settings.question)
        self._scored: dict[AnswerKey, Scored] = {}
        self._begun: set[AnswerKey] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._turns: dict[str, Turn] = {}
        self._needs: tuple[str, ...] | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Give what a right answer needs, if that has been written down by now."""
        return self._needs or ()

    def look(self, answers: Answers, *, is_waiting: bool) -> None:
        """Take in which answers are there; while others are still waited for, those without a score are scored.

        Not while all of them end in the same value, which may need no judge at all.
        """
        if not asks_needs(self._settings):
            return
        positions = [
            p for p in positions_of(answers, merging=False) if not p.truncated and not is_refusal(p.text)
        ]
        if self._calls.remembers:
            self._recall(positions)
        if not is_waiting:
            self._make_way()
        elif positions and not counted(positions).is_agreed and not self._calls.why_not:
            self._begin(positions)

    def settle_on(self, scored: Sequence[AnswerKey], *, with_needs: bool) -> None:
        """Take it as known what was there when an earlier attempt began to compare; the rest came too late for it."""
        self._scored = {key: self._scored[key] for key in scored if key in self._scored}
        self._needs = self.needs if with_needs else ()

    def scored(self, positions: Sequence[Position]) -> tuple[AnswerKey, ...]:
        """Give which of these have a score."""
        return tuple(p.key for p in positions if p.key in self._scored)

    def of(self, key: AnswerKey) -> Scored | None:
        """Give what an answer was given by itself; None where that is not known."""
        return self._scored.get(key)

    def finalists(self, positions: Sequence[Position], *, to_come: int = 0) -> tuple[AnswerKey, ...]:
        """Give those to be compared: all without a score, and the best of the others up to the places; ties all stay.

        So many more are still `to_come` that will have none.
        """
        scores = {p.key: scored.score for p in positions if (scored := self.of(p.key)) is not None}
        places = max(1, self._places - to_come - (len(positions) - len(scores)))
        least = sorted(scores.values(), reverse=True)[:places][-1:] or [0.0]
        return tuple(p.key for p in positions if scores.get(p.key, 1.0) >= least[0])

    def best(self, positions: Sequence[Position]) -> Position | None:
        """Give the best scored of these, of equals the first; None where none has a score."""
        scored = [(found.score, p) for p in positions if (found := self.of(p.key)) is not None]
        return max(scored, key=lambda pair: pair[0])[1] if scored else None

    async def finished(self) -> None:
        """Wait for the calls that still run, not long: what they say has come too late, but what they cost is to be known.

        Where the judge's server reads ahead, which costs nothing, it is not waited for: others need that server.
        """
        if not self._tasks:
            return
        linger = 0.0 if self._settings.judge.reads_ahead else LINGER_S
        await asyncio.wait(self._tasks, timeout=linger, return_when=asyncio.FIRST_EXCEPTION)
        for turn in self._turns.values():
            turn.end()
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def drop(self) -> None:
        """Drop the calls that still run."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _make_way(self) -> None:
        """Let what is asked next have the judge: what a right answer needs is of no use from now on, a score may be yet."""
        self._calls.withdraw()
        if NEEDS in self._turns and self._settings.judge.reads_ahead:
            self._turns[NEEDS].end()

    def _begin(self, positions: Sequence[Position]) -> None:
        if self._needs is None:
            self._needs = ()
            self._tasks.append(asyncio.create_task(self._ask_needs()))
        if not most_scores(self._settings):
            return
        for position in positions:
            if position.key not in self._begun:
                self._begun.add(position.key)
                self._tasks.append(asyncio.create_task(self._score(position)))

    def _recall(self, positions: Sequence[Position]) -> None:
        """Take what an earlier attempt has paid for."""
        if self._needs is None and (stored := self._calls.recall(NEEDS, needs_messages(self._settings))):
            self._needs = needs_in(stored)
        for position in (p for p in positions if p.key not in self._begun):
            for shown, messages in self._ways(position):
                if stored := self._calls.recall(_name(position), messages):
                    self._begun.add(position.key)
                    self._take(position.key, shown, stored, mark_in(messages))
                    break

    def _ways(self, position: Position) -> Iterator[tuple[Candidate, tuple[Message, ...]]]:
        """Yield how an answer may be asked about: with what a right answer needs, and as it is until that is known."""
        text = anonymous(position.text, self._names)
        whole = Candidate(position.key, text, LETTER)
        window = Window(self._settings.judge.window)
        for needs in dict.fromkeys((self.needs, ())):
            room = window.room(score_messages(self._settings, (), needs), SCORE_TOKENS)
            (shown,) = clipped([whole], room)
            yield shown, score_messages(self._settings, [shown], needs)

    async def _ask_needs(self) -> None:
        result = await self._ask(NEEDS, needs_messages(self._settings), NEEDS_TOKENS, ())
        self._needs = needs_in(result) if result else ()
        self._on_news()

    async def _score(self, position: Position) -> None:
        shown, messages = next(self._ways(position))
        schema = score_schema(self._settings.judge.criterion_names)
        result = await self._ask(_name(position), messages, SCORE_TOKENS, [shown], schema)
        if result:
            self._take(position.key, shown, result, mark_in(messages))

    async def _ask(
        self,
        name: str,
        messages: tuple[Message, ...],
        tokens: int,
        shown: Sequence[Candidate],
        schema: Schema | None = None,
    ) -> AnswerResult | None:
        judge = self._settings.judge
        room = Window(judge.window).reply_tokens(messages, tokens)
        sampling = Sampling(temperature=0.0, max_tokens=room)
        turn = self._turns[name] = self._calls.turn()
        try:
            return await self._calls.call(
                name, judge.model, messages, sampling, schema=schema, shown=shown, turn=turn
            )
        except Refused:
            return None

    def _take(self, key: AnswerKey, shown: Candidate, result: AnswerResult, mark: str) -> None:
        """Keep a score; an answer whose score cannot be read has none, and will be compared."""
        if result.outcome is not Outcome.COMPLETE:
            return
        try:
            _, found = find_object(result.text, "criteria", mark)
        except Unreadable:
            return
        checks = checks_in(found["criteria"], harmless(shown.text))
        score = score_of(checks, self._settings.judge.criteria)
        if score is not None:
            self._scored[key] = Scored(score, checks)
            self._on_news()


def _name(position: Position) -> str:
    return f"score/{position.key.member}"
