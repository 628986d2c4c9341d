"""The shapes in which a person chooses what a fused answer keeps, and reads what came of it."""

from __future__ import annotations

from ninja import Field, Schema

from fusion_site.api.doors import Given


class TickGiven(Given):
    """A point of the run's verdict, or a passage of an answer, word for word as it stands there."""

    where: str = Field(
        alias="from",
        description="`consensus`, `contradiction`, `partial`, `insight`, `blind_spot` or `passage`.",
    )
    text: str = Field(description="Of a contradiction, its topic.")
    stance: str | None = Field(None, description="The side of a contradiction that is meant.")
    answer: str | None = Field(None, description="The id of the answer that a passage is from.")
    offset: int | None = Field(None, description="Where the passage begins, in code points.")
    length: int | None = Field(None, description="Null is as long as its text.")


class Choice(Given):
    """What the fused answer has to keep, and what it must not have."""

    keep: list[TickGiven] | None = None
    drop: list[TickGiven] | None = None


class TickOut(Schema):
    """One thing that a person ticked before the final step, and what came of it."""

    where: str = Field(
        alias="from",
        serialization_alias="from",
        description="`consensus`, `contradiction`, `partial`, `insight`, `blind_spot` or `passage`.",
    )
    text: str = Field(description="Of a contradiction, its topic.")
    stance: str | None = Field(description="The side of a contradiction that is meant.")
    answer: str | None = Field(description="The id of the answer that a passage is from.")
    offset: int | None = Field(description="Where the passage begins, in code points.")
    length: int | None
    heeded: bool | None = Field(
        description="Found in the fused answer if it was to be kept, gone if not; null is unknown, or not yet known."
    )


class GuidanceOut(Schema):
    """What a person chose before a version of the fused answer was made."""

    keep: list[TickOut]
    drop: list[TickOut]
    missed: bool = Field(description="Whether nobody chose in time.")
