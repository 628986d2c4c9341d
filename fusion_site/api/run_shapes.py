"""The shapes in which `/api/v1/runs` tells of runs. Unknown numbers are null; money is a decimal string in USD."""

from __future__ import annotations

from typing import Any

from ninja import Field, Schema

from fusion_site.api.choice_shapes import GuidanceOut


class AcceptedRun(Schema):
    """A run that was accepted: from now on it is not lost."""

    id: str
    url: str
    state: str


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
    provenance: list[CarriedOut] | None = Field(
        description="Null until it is known. Offsets and lengths count Unicode code points."
    )
    judge_only: list[PlaceOut] | None = Field(description="Sentences that no answer has, by their words.")
    dropped: list[DroppedOut] | None
    provenance_clipped: bool | None = Field(
        description="Whether the texts were too long to be compared whole."
    )
    guidance: GuidanceOut | None = Field(description="Null where nobody was asked to choose.")


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
    preset_name: str
    rehearsal: bool
    prompt: str
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


class RunPage(Schema):
    """One page of runs, newest first."""

    items: list[RunOut]
    next: str | None
