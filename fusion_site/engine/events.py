"""What a fusion reports while it goes on. Each event is a fact; whoever reads them keeps the truth in rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fusion_site.engine.asking import AskAccepted, AskError, Message
from fusion_site.engine.candidates import Shown
from fusion_site.engine.guidance import Guidance, Heeded
from fusion_site.engine.results import AnswerKey, AnswerResult, Source


@dataclass(frozen=True, slots=True)
class AnswerQueued:
    """The answer waits for a free place on its connection; `place` counts from 1."""

    key: AnswerKey
    place: int


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The model is being asked; whatever text an earlier attempt wrote no longer counts."""

    key: AnswerKey


@dataclass(frozen=True, slots=True)
class AnswerRetrying:
    """The model could not be reached; it will be asked again in `after_s` seconds."""

    key: AnswerKey
    after_s: float
    error: AskError


@dataclass(frozen=True, slots=True)
class AnswerAccepted:
    """A server writes the answer from now on, and may bill it. To be kept: a run that is dropped says no more of it."""

    key: AnswerKey
    accepted: AskAccepted


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """The next piece of the answer's text."""

    key: AnswerKey
    text: str


@dataclass(frozen=True, slots=True)
class AnswerReasoning:
    """The next piece of the answer's visible reasoning."""

    key: AnswerKey
    text: str


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """The answer is final."""

    key: AnswerKey
    result: AnswerResult


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A call by the judge leaves the queue. Until its StepFinished nobody knows what it costs.

    `name` says which call it is and, behind `#`, stands for what exactly is asked: about other answers it has another.
    `messages` is all that is sent, and `shown` the candidates in it, in their order.
    """

    name: str
    model: str
    connection: str
    messages: tuple[Message, ...] = ()
    shown: tuple[Shown, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRecalled:
    """A call by the judge need not be made: the very same was asked before, and its reply counts here too."""

    name: str


@dataclass(frozen=True, slots=True)
class StepAccepted:
    """A server has taken a call by the judge on, and may bill it."""

    name: str
    accepted: AskAccepted


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A call by the judge is over; `result.text` is its raw reply."""

    name: str
    result: AnswerResult


@dataclass(frozen=True, slots=True)
class VerdictStarted:
    """The answers are being compared: these count, and none that come later. To be kept for `Resume`.

    `scored` are those that have a score already, and `with_needs` says whether it is known what a right answer needs:
    both depend on what had come in by now, and decide what the judge is shown. So does `arrived`: the order in which the
    answers came in, where the judge's server has read them in that order; else it is empty.
    """

    answers: tuple[AnswerKey, ...] = ()
    scored: tuple[AnswerKey, ...] = ()
    with_needs: bool = False
    arrived: tuple[AnswerKey, ...] = ()


@dataclass(frozen=True, slots=True)
class VerdictReading:
    """The judge begins to write about these candidates, in the first of its orders; what it had written before is void."""

    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class VerdictDelta:
    """The next piece of what the judge writes: its reasons, then its verdict as JSON, which is none before its end."""

    text: str


@dataclass(frozen=True, slots=True)
class VerdictFinished:
    """The comparison is over; `verdict` is plain JSON, in which answers stand as `[round, member]`.

    A resumed run states its verdict again, and may come to one that an earlier attempt had no time for.
    """

    verdict: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GuidanceWanted:
    """The reader may choose now what the fused answer keeps; it is not written before they do, or their time is up."""


@dataclass(frozen=True, slots=True)
class GuidanceGiven:
    """The reader has chosen, or their time was up. To be kept for `Resume`."""

    guidance: Guidance


@dataclass(frozen=True, slots=True)
class FusedStarted:
    """The fused answer begins, from its first character; a second one of the same version starts it again.

    `answers` are those that it was made of or chosen from; `late` those that came, or may still come, after
    the answers that count had been settled. `guidance` is what the reader chose, where they were asked.
    """

    version: int
    source: Source
    answers: tuple[AnswerKey, ...]
    late: tuple[AnswerKey, ...] = ()
    note: str = ""
    guidance: Guidance | None = None


@dataclass(frozen=True, slots=True)
class FusedDelta:
    """The next piece of the fused answer's text."""

    version: int
    text: str


@dataclass(frozen=True, slots=True)
class FusedFinished:
    """The fused answer is final. `heeded` says of each tick of the reader whether it heeds it, where there are any."""

    version: int
    heeded: Heeded | None = None


@dataclass(frozen=True, slots=True)
class FusionFinished:
    """The one last event: nothing of this pass runs any more. `message` says why a run failed."""

    state: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class FusionPaused:
    """The last event of a pass that waits for the reader: nothing of it runs, and it goes on from what is stored."""


FusionEvent = (
    AnswerQueued
    | AnswerStarted
    | AnswerRetrying
    | AnswerAccepted
    | AnswerDelta
    | AnswerReasoning
    | AnswerFinished
    | StepStarted
    | StepRecalled
    | StepAccepted
    | StepFinished
    | VerdictStarted
    | VerdictReading
    | VerdictDelta
    | VerdictFinished
    | GuidanceWanted
    | GuidanceGiven
    | FusedStarted
    | FusedDelta
    | FusedFinished
    | FusionFinished
    | FusionPaused
)


@dataclass(frozen=True, slots=True)
class Resume:
    """What an earlier attempt at the same run had finished; none of it is asked or paid for again.

    `compared` is what VerdictStarted said: with it the same answers are compared again, although late ones have
    come in since. Without it whatever is in counts, and the judge is asked anew where that changes the question.
    `scored`, `with_needs` and `arrived` are what it said beside that.
    The verdict follows from the steps: `verdict` is there for completeness. `paid_usd` is what calls have cost that are
    not among these, since they are made again. `guidance` is what the reader chose; without it, one that is asked for has
    `guidance_left_s` left, or all its time where that is None.
    """

    answers: dict[AnswerKey, AnswerResult] = field(default_factory=dict)
    steps: dict[str, AnswerResult] = field(default_factory=dict)
    verdict: dict[str, Any] | None = None
    fused: FusedText | None = None
    compared: tuple[AnswerKey, ...] | None = None
    paid_usd: Decimal = Decimal(0)
    scored: tuple[AnswerKey, ...] = ()
    with_needs: bool = False
    arrived: tuple[AnswerKey, ...] = ()
    guidance: Guidance | None = None
    guidance_left_s: float | None = None


@dataclass(frozen=True, slots=True)
class FusedText:
    """A fused answer that was finished."""

    version: int
    source: Source
    text: str
