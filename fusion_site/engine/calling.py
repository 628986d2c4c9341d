"""Calls by the judge: paid for once, named by what they ask, and bounded by what is left of time and money."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from decimal import Decimal

from fusion_site.engine.answering import Emit
from fusion_site.engine.asking import (
    ASKED_FOR,
    Ask,
    AskAccepted,
    Asker,
    AskError,
    AskEvent,
    AskReasoning,
    AskResending,
    AskStarted,
    AskText,
    ErrorKind,
    Message,
    ModelRef,
    Outcome,
    Sampling,
)
from fusion_site.engine.candidates import Candidate, shown_of
from fusion_site.engine.clock import PassClock, Turn
from fusion_site.engine.events import StepAccepted, StepFinished, StepRecalled, StepStarted
from fusion_site.engine.reading import Reading, Reply, Settled
from fusion_site.engine.results import AnswerResult

TOO_LATE = AskError(ErrorKind.TIMEOUT, "It was not done when the time for judging was up.", retryable=True)
OUT_OF_TURN = AskError(ErrorKind.TIMEOUT, "It was not done within its share of the time.", retryable=True)


async def nothing_to_settle() -> None:
    """Whoever reads the events keeps nothing."""


class Refused(Exception):
    """No further call may be made; the message is a plain sentence that says why."""


class Spending:
    """What a run is known to have cost. A call whose cost is unknown leaves the sum as it is, and so cannot end a run."""

    def __init__(self, budget_usd: Decimal | None, spent_usd: Decimal = Decimal(0)) -> None:
        self._budget = budget_usd
        self._spent = spent_usd

    def add(self, result: AnswerResult) -> None:
        """Count one finished call."""
        self._spent += result.cost_usd or Decimal(0)

    @property
    def is_over(self) -> bool:
        """Whether the budget is used up, so that no further call may be made. A budget of 0 allows what is free."""
        return self._budget is not None and self._spent > 0 and self._spent >= self._budget


def _nothing(*_: object) -> None:
    """Nobody listens."""


class Calls:
    """Makes the calls of one pass; one that an earlier attempt finished is answered from what was stored."""

    def __init__(
        self,
        asker: Asker,
        emit: Emit,
        stored: Mapping[str, AnswerResult],
        spending: Spending,
        clock: PassClock,
        settled: Settled,
    ) -> None:
        self._asker, self._emit, self._stored = asker, emit, stored
        self._spending, self._clock, self._settled = spending, clock, settled
        self._unsent: dict[str, Reading] = {}

    @property
    def why_not(self) -> str:
        """Say why no further call may be made, or nothing if one may."""
        if self._clock.left_s <= 0:
            return "The time for judging was up."
        return "The budget of this run is used up." if self._spending.is_over else ""

    @property
    def remembers(self) -> bool:
        """Whether an earlier attempt has made any call."""
        return bool(self._stored)

    def recall(self, name: str, messages: tuple[Message, ...]) -> AnswerResult | None:
        """Give the reply that an earlier attempt got to the very same question, or None."""
        name = _full(name, messages)
        found = self._stored.get(name)
        if found is not None:
            self._emit(StepRecalled(name))
        return found

    def turn(self) -> Turn:
        """Give a call its turn, which leaves time for what has to follow if it hangs."""
        return self._clock.turn()

    def withdraw(self) -> None:
        """End every call that still waits for a free place: it would be in the way of what is asked next."""
        for reading in self._unsent.values():
            reading.drop()

    async def call(
        self,
        name: str,
        model: ModelRef,
        messages: tuple[Message, ...],
        sampling: Sampling,
        *,
        schema: dict[str, object] | None = None,
        shown: Sequence[Candidate] = (),
        on_start: Callable[[], None] = _nothing,
        on_text: Callable[[str], None] = _nothing,
        turn: Turn | None = None,
    ) -> AnswerResult:
        """Give the whole reply of one call; `on_text` gets its text as it is written. Raises Refused.

        `shown` are the candidates that stand in the messages. `on_start` is called when there will be a reply: before its
        first text, and not where it is refused. It may take all the time that is left, or as long as its `turn`.

        A stored reply is taken only where the very same was asked: with one more answer in, the same letter would
        stand for somebody else.
        """
        stored = self.recall(name, messages)
        if stored is None and (why := self.why_not):
            raise Refused(why)
        on_start()
        if stored is not None:
            if turn is not None and stored.error == OUT_OF_TURN:
                turn.end()
            on_text(stored.text)
            return stored
        name = _full(name, messages)
        begun = StepStarted(name, model.model, model.connection, messages, shown_of(shown))
        ask = Ask(model, messages, sampling, deadline_s=max(0.1, self._clock.left_s), json_schema=schema)
        result = await self._reply(begun, ask, on_text, turn)
        if result is None:
            return AnswerResult(Outcome.CANCELLED)
        self._begin(begun)
        self._spending.add(result)
        self._emit(StepFinished(name, result))
        return result

    def _begin(self, begun: StepStarted) -> None:
        """Say that a call begins, once: when it leaves the queue, or ends without having left it."""
        if self._unsent.pop(begun.name, None) is not None:
            self._emit(begun)

    async def _reply(
        self, begun: StepStarted, ask: Ask, on_text: Callable[[str], None], turn: Turn | None
    ) -> AnswerResult | None:
        """Give what came of a call; None where it was withdrawn: then it has cost nothing, and nothing is said of it."""
        ASKED_FOR.set(begun.name)
        reply = Reply()

        def take(event: AskEvent) -> None:
            reply.take(event)
            if turn is not None and isinstance(event, AskText | AskReasoning):
                turn.wrote()
            if isinstance(event, AskStarted):
                self._begin(begun)
            elif isinstance(event, AskText):
                on_text(event.text)
            elif isinstance(event, AskAccepted):
                self._emit(StepAccepted(begun.name, event))
            elif isinstance(event, AskResending) and event.was_lost:
                self._emit(begun)

        reading = self._unsent[begun.name] = Reading(self._asker, ask, take, self._settled)
        try:
            with turn.bounding(reading.drop) if turn is not None else nullcontext():
                await reading.ended(at=self._clock.ends_at)
        except BaseException:
            self._unsent.pop(begun.name, None)
            raise
        if not reading.was_dropped or reply.ending is not None:
            return reply.result()
        return self._dropped(begun, reply, turn)

    def _dropped(self, begun: StepStarted, reply: Reply, turn: Turn | None) -> AnswerResult | None:
        """Give what there is of a call that was not waited for."""
        if self._clock.left_s <= 0:
            return reply.cut(Outcome.ERROR, TOO_LATE)
        if begun.name in self._unsent and (turn is None or not turn.is_over):
            del self._unsent[begun.name]  # It was withdrawn, as only those are that have not left the queue.
            return None
        return reply.cut(Outcome.ERROR, OUT_OF_TURN)


def _full(name: str, messages: tuple[Message, ...]) -> str:
    return f"{name}#{digest_of(messages)}"


def digest_of(messages: tuple[Message, ...]) -> str:
    """Give what stands for exactly these messages in the name of a call."""
    said = "\x00".join("\x00".join([m.role, m.content, *(p.sha256 for p in m.pictures)]) for m in messages)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]
