"""One answer from its first byte to its outcome."""

from __future__ import annotations

from collections.abc import Callable

from fusion_site.engine.asking import (
    ASKED_FOR,
    Ask,
    AskAccepted,
    Asker,
    AskEvent,
    AskFinished,
    AskQueued,
    AskReasoning,
    AskResending,
    AskRetrying,
    AskStarted,
    AskText,
)
from fusion_site.engine.control import Control
from fusion_site.engine.events import (
    AnswerAccepted,
    AnswerDelta,
    AnswerFinished,
    AnswerQueued,
    AnswerReasoning,
    AnswerRetrying,
    AnswerStarted,
    FusionEvent,
)
from fusion_site.engine.reading import Reading, Reply, Settled
from fusion_site.engine.results import AnswerKey, AnswerResult

Emit = Callable[[FusionEvent], None]


async def write_answer(
    key: AnswerKey, ask: Ask, asker: Asker, control: Control, emit: Emit, settled: Settled
) -> AnswerResult:
    """Ask for one answer and report all of it, to the outcome it came to or that `control` gave it.

    Being cancelled drops it without a word, for whoever takes over the run to start it again.
    """
    ASKED_FOR.set(f"answer {key.round}.{key.member}")
    reply = Reply()

    def take(event: AskEvent) -> None:
        reply.take(event)
        if (told := _told(key, event)) is not None:
            emit(told)

    reading = Reading(asker, ask, take, settled)
    control.watch(key, reading.drop)
    try:
        await reading.ended()
    finally:
        control.forget(key)
    ending = control.ending(key)
    result = reply.cut(*ending) if ending is not None and reply.ending is None else reply.result()
    emit(AnswerFinished(key, result))
    return result


def _told(key: AnswerKey, event: AskEvent) -> FusionEvent | None:
    match event:
        case AskText(text):
            return AnswerDelta(key, text) if text else None
        case AskReasoning(text):
            return AnswerReasoning(key, text) if text else None
        case AskQueued(place):
            return AnswerQueued(key, place)
        case AskStarted():
            return AnswerStarted(key)
        case AskResending(was_lost):
            # What may have been paid for is an attempt of its own.
            return AnswerStarted(key) if was_lost else None
        case AskRetrying(after_s, error):
            return AnswerRetrying(key, after_s, error)
        case AskAccepted():
            return AnswerAccepted(key, event)
        case AskFinished():
            return None
