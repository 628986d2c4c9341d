"""The shapes in which `/api/v1/runs` tells of runs. Unknown numbers are null; money is a decimal string in USD."""

from __future__ import annotations

from typing import Any

from ninja import Field, Schema

from fusion_site.api.choice_shapes import GuidanceOut
from fusion_site.api.versions import DifferenceOut


class AcceptedRun(Schema):
    """A run that was accepted: from now on it is not lost."""

    id: str
    url: str
    state: str


class EstimateOut(Schema):
    """USD from a lucky to an unlucky run. Null is unknown: `low`, where no member's price is known; `high`, where not all are."""

    low_usd: str | None
    high_usd: str | None
    unpriced: list[str] = Field(description="The models without a known price.")


class AnswerErrorOut(Schema):
    """Why an answer failed."""

    kind: str
    message: str
    retryable: bool | None


class UsageOut(Schema):
    """Tokens as the server counted them."""

    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None


class AnswerOut(Schema):
    """What one member wrote in one round, so far; `outcome` is null while it is being written."""

    id: str
    member: int = Field(description="The index in the pool, from 0.")
    label: str
    model: str
    rehearsal: bool = Field(description="Whether this model is a script and no AI.")
    round: int = Field(description="The debate round, from 0.")
    outcome: str | None
    unconfirmed: bool
    text: str
    reasoning: str
    error: AnswerErrorOut | None
    usage: UsageOut
    cost_usd: str | None
    billed_after_cancel: bool | None = Field(
        description="Whether a stopped answer is billed in full all the same; null is unknown, or not stopped."
    )
    generation_id: str | None = Field(description="OpenRouter's name for the call.")
    served_model: str | None
    provider: str | None
    first_token_ms: int | None
    total_ms: int | None
    attempt: int


class PassageOut(Schema):
    """A place in an answer's text, as of that attempt, and how much of a sentence stands there, from 0 to 1."""

    answer: str
    attempt: int = Field(description="Where the answer has a later one, its text is another by now.")
    offset: int
    length: int
    score: float


class CarriedOut(Schema):
    """A sentence of the fused answer, or a part of one, and who says it."""

    offset: int
    length: int
    said_in: list[PassageOut] = Field(
        alias="from", serialization_alias="from", description="The best first; empty: nobody, by its words."
    )


class PlaceOut(Schema):
    """A place in the fused answer."""

    offset: int
    length: int


class DroppedOut(Schema):
    """What one answer held against others (`contradiction`) or alone (`insight`), and the fused answer does not say."""

    kind: str
    topic: str
    text: str = Field(description="As the judge put it.")
    answer: str


class FusedOut(Schema):
    """One version of the fused answer, so far."""

    version: int
    text: str
    source: str
    made_of: list[str] = Field(alias="from", serialization_alias="from", description="Ids of answers.")
    late: list[str] = Field(description="Ids of answers that were not done in time.")
    note: str
    finished: bool
    header: str = Field(
        description="What it rests on, in plain sentences: how many of how many, who is missing and why."
    )
    verdict: dict[str, Any] | None = Field(
        description="What it was judged by; null where no comparison was needed."
    )
    provenance: list[CarriedOut] | None = Field(
        description="Null until it is known. Offsets and lengths count Unicode code points."
    )
    judge_only: list[PlaceOut] | None = Field(description="Sentences that no answer has, by their words.")
    dropped: list[DroppedOut] | None
    provenance_clipped: bool | None = Field(
        description="Whether the texts were too long to be compared whole."
    )
    guidance: GuidanceOut | None = Field(description="Null where nobody was asked to choose.")


class LeftOut(Schema):
    """What of a thread one reader was not shown, for want of room."""

    member: int | None = Field(description="The index in the pool; null is the judge.")
    turns: int = Field(description="How many of the oldest turns were left out.")
    shortened: bool = Field(description="Whether texts of the newest turn were cut, head and tail kept.")


class StandIn(Schema):
    """A member that was shown fused answers where it had none of its own."""

    member: int = Field(description="The index in the pool.")
    turns: int


class PinOut(Schema):
    """A version that a run was made from; `GET /{plural}/{id}/versions/{version}` reads it."""

    id: str
    name: str
    version: int


class PinnedOut(Schema):
    """What a run's settings were frozen from."""

    preset: PinOut
    pool: PinOut
    judge: PinOut


class PictureOut(Schema):
    """A picture that went with a prompt. `sha256` names its bytes, in hex, as they were kept: without what a camera wrote."""

    name: str
    kind: str
    width: int
    height: int
    sha256: str


class RunOut(Schema):
    """A run with all its answers."""

    id: str
    state: str
    reopened: str | None = Field(
        description="What a later pass is for while one is open: `fuse`, `retry` or `add`."
    )
    guided: bool = Field(description="Whether it waits before its final step for a choice of what is kept.")
    waits_until: str | None = Field(description="Until when it waits for that; null where it does not.")
    mode: str
    preset: str | None = Field(description="The id of its preset; null once that is deleted.")
    preset_name: str = Field(description="Empty where a program named the models itself, without a preset.")
    pinned: PinnedOut | None = Field(
        description="The versions it was made from; null where none were kept yet."
    )
    rehearsal: bool
    prompt: str
    pictures: list[PictureOut] = Field(description="The pictures that went with the prompt.")
    unseen_by: list[int | None] = Field(
        description="Who is sent no pictures, since it reads none: members by their index, the judge as null."
    )
    after: str | None = Field(description="The run that this one follows up.")
    history: str | None = Field(
        description="What a follow-up's members were shown as earlier answers: `fused`, `own` or `all`."
    )
    thread: list[str] = Field(description="The runs of its thread up to this one, oldest first.")
    left_out: list[LeftOut] = Field(description="Who was not shown the whole thread; empty if all were.")
    stand_ins: list[StandIn] = Field(
        description="With `own`: who was shown fused answers in place of its own."
    )
    thread_says: list[str] = Field(
        description="What a follow-up's models were shown of its thread, in plain sentences; empty where it is none."
    )
    message: str
    answers: list[AnswerOut]
    verdict: dict[str, Any] | None
    fused: FusedOut | None
    fusions: list[FusedOut]
    cost_usd: str | None
    cost_complete: bool
    seq: int
    created_at: str
    finished_at: str | None = Field(description="When its newest pass ended.")


class TodayOut(Schema):
    """What a run would use if it were asked again now, beside what it used; without changes it would be the same."""

    preset: str
    pinned: PinnedOut | None
    changes: list[DifferenceOut]
    seen: str = Field(description="Give it with `again_of`, so that exactly this is asked.")


class ShownOut(Schema):
    """One candidate as a judge was shown it."""

    label: str
    answer: str | None = Field(description="The id of the answer; null is what was merged.")
    clipped: bool = Field(description="Whether it was shortened to fit.")


class MessageOut(Schema):
    """One turn of what a judge was sent."""

    role: str
    content: str
    pictures: list[str] = Field([], description="The names of the pictures that went with it.")


class StepOut(Schema):
    """One call by the judge, as it was sent and as it came back."""

    name: str = Field(
        description="`needs`, `score/N`, `judge/N`, `second/N`, `merge/N` or `harm/N`, with its further tries."
    )
    purpose: str
    versions: list[int] = Field(description="The versions of the fused answer that rest on it.")
    replaced: bool = Field(description="Whether what it asked is asked anew, so that it counts no more.")
    model: str
    connection: str
    attempt: int
    started_at: str | None
    finished_at: str | None
    took_ms: int | None
    outcome: str | None
    error: AnswerErrorOut | None
    cost_usd: str | None
    usage: UsageOut
    shown: list[ShownOut] = Field(description="The candidates in the order in which it saw them.")
    messages: list[MessageOut]
    reply: str | None
    reasoning: str | None
    stage: str | None = Field(
        description="How the verdict or score in the reply was found: `marked` (it bears the call's mark), or, where nothing "
        "in the reply does, `strict`, `fence` or `balanced`."
    )
    problem: str | None = Field(description="Why none could be read in a whole reply.")


class StepPage(Schema):
    """The calls by the judge, in the order in which they were made."""

    items: list[StepOut]
    next: str | None
