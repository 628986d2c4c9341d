"""How fast a model is on this machine, with one answer and with many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter

from fusion_site.compact.door import prepare
from fusion_site.compact.files.header import BadFile
from fusion_site.compact.generation import Generation
from fusion_site.compact.meter import Meter
from fusion_site.compact.modelthread import Hosted, HostState, ModelThread
from fusion_site.compact.options import HostOptions
from fusion_site.compact.wire import ChatRequest

ANSWER_TOKENS = 64
PATIENCE_S = 600.0
# Some 80 tokens; each ask has a number before it, so that none finds its beginning in memory.
QUESTION = (
    "{number}. A team has to move a table of forty million rows to another database without stopping its service. "
    "Compare copying it at night, writing to both for a week, and reading from a replica: what can go wrong with "
    "each, how it would be noticed, and what it takes to go back. End with the way that you would choose, and why."
)


@dataclass(frozen=True, slots=True)
class Speed:
    """Of `answers` at once: tokens a second over all, the median of the seconds to the first text of each.

    `own_share` is what of the time of all steps was not llama.cpp's decoding, from 0 to 1.
    """

    answers: int
    rate: float
    first_s: float
    own_share: float


async def speeds(model: Path, options: HostOptions) -> AsyncIterator[Speed]:
    """Host `model` in this process and give its speed with 1, 2, 4 answers and so on up to all slots.

    Raises `BadFile` where it cannot be hosted, and `HostFailure` where it cannot be asked.
    """
    numbers = count(1)
    async with _hosted(model, options) as hosted:
        for answers in _counts(options.slots):
            questions = [QUESTION.format(number=next(numbers)) for _ in range(answers)]
            yield await _measured(hosted, questions)


def _counts(slots: int) -> list[int]:
    """1, 2, 4 and so on, and at last all slots."""
    return [*(2**power for power in range(8) if 2**power < slots), slots]


@asynccontextmanager
async def _hosted(path: Path, options: HostOptions) -> AsyncIterator[Hosted]:
    changed = asyncio.Event()

    def change(_: HostState) -> None:
        changed.set()

    thread = ModelThread(path, options, change)
    thread.start()
    try:
        await changed.wait()
        if thread.state.hosted is None:
            raise BadFile(thread.state.reason or "the model cannot be hosted")
        yield thread.state.hosted
    finally:
        await thread.stop()


async def _measured(hosted: Hosted, questions: list[str]) -> Speed:
    meter = hosted.scheduler.meter
    steps, decodes, began = meter.step_seconds, meter.decode_seconds, perf_counter()
    asks = [prepare(hosted, _ask(question)) for question in questions]
    for ask in asks:
        hosted.scheduler.submit(ask)
    firsts = await asyncio.gather(*(_first_after(ask, began) for ask in asks))
    rate = sum(ask.written for ask in asks) / (perf_counter() - began)
    return Speed(len(asks), rate, median(firsts), _own_share(meter, steps, decodes))


def _own_share(meter: Meter, steps: float, decodes: float) -> float:
    spent = meter.step_seconds - steps
    return 1 - (meter.decode_seconds - decodes) / spent if spent > 0 else 0.0


def _ask(question: str) -> ChatRequest:
    turn = {"role": "user", "content": question}
    return ChatRequest.model_validate({"model": "", "messages": [turn], "max_tokens": ANSWER_TOKENS})


async def _first_after(ask: Generation, began: float) -> float:
    """Follow an answer to its end, and give the seconds from `began` to its first text."""
    first = 0.0
    while True:
        news = await ask.feed.next(PATIENCE_S)
        if news.failure:
            raise news.failure
        if news.text or news.ending:
            first = first or perf_counter() - began
        if news.ending:
            return first
