"""Calls by the judge: each is stored before it leaves, paid for once, and bounded by what is left of time and money."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from decimal import Decimal

from fusion_site.engine.answering import Emit, Reply
from fusion_site.engine.asking import Ask, Asker, AskText, Message, ModelRef, Outcome, Sampling
from fusion_site.engine.control import OUT_OF_TIME
from fusion_site.engine.events import AnswerResult, StepFinished, StepStarted


class Spending:
    """What a run has cost so far. A call without a known cost leaves the sum as it is."""

    def __init__(self, budget_usd: Decimal | None) -> None:
        self._budget = budget_usd
        self._spent = Decimal(0)

    def add(self, result: AnswerResult) -> None:
        """Count one finished call."""
        self._spent += result.cost_usd or Decimal(0)

    @property
    def is_over(self) -> bool:
        """Whether the budget is used up, so that no further call may be made."""
        return self._budget is not None and self._spent >= self._budget


class Calls:
    """Makes the calls of one pass; one that an earlier attempt finished is answered from what was stored."""

    def __init__(
        self,
        asker: Asker,
        emit: Emit,
        stored: dict[str, AnswerResult],
        spending: Spending,
        deadline_at: float,
    ) -> None:
        self._asker, self._emit, self._stored = asker, emit, stored
        self._deadline_at = deadline_at
        self.spending = spending

    @property
    def seconds_left(self) -> float:
        """Give the time until this pass must have its fused answer, in seconds."""
        return self._deadline_at - asyncio.get_running_loop().time()

    @property
    def why_not(self) -> str:
        """Say why no further call may be made, or nothing if one may."""
        if self.seconds_left <= 0:
            return "The time for judging was up."
        return "The budget of this run is used up." if self.spending.is_over else ""

    async def call(
        self,
        name: str,
        model: ModelRef,
        messages: tuple[Message, ...],
        sampling: Sampling,
        *,
        schema: dict[str, object] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> AnswerResult:
        """Give the whole reply of one call, named once per run; `on_text` gets its text as it is written."""
        if (stored := self._stored.get(name)) is not None:
            if on_text is not None:
                on_text(stored.text)
            return stored
        self._emit(StepStarted(name, model.model))
        ask = Ask(model, messages, sampling, deadline_s=max(0.1, self.seconds_left), json_schema=schema)
        result = await self._reply(ask, on_text)
        self.spending.add(result)
        self._emit(StepFinished(name, result))
        return result

    async def _reply(self, ask: Ask, on_text: Callable[[str], None] | None) -> AnswerResult:
        reply = Reply()
        try:
            async with asyncio.timeout_at(self._deadline_at), aclosing(self._asker.ask(ask)) as events:
                async for event in events:
                    reply.take(event)
                    if on_text is not None and isinstance(event, AskText):
                        on_text(event.text)
        except TimeoutError:
            return reply.cut(Outcome.ERROR, OUT_OF_TIME)
        return reply.result()
