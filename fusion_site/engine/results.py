"""What an answer is known by, what came of it, and where a fused answer came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from fusion_site.engine.asking import AskError, Outcome, Usage


class AnswerKey(NamedTuple):
    """Which answer: the debate round from 0, and the member's index in the pool from 0."""

    round: int
    member: int


class Source(StrEnum):
    """Where a fused answer came from."""

    BEST_OF = "best_of"
    VOTE = "vote"
    MERGE = "merge"
    DEBATE = "debate"
    SINGLE = "single"
    FALLBACK = "fallback"
    # By a person, once the run was over.
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """One finished answer: its exact text, and what the server said about it. None is unknown.

    `generation_id` is what AskAccepted says: by it the cost of an answer that was cut is learned later.
    """

    outcome: Outcome
    text: str = ""
    reasoning: str = ""
    error: AskError | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None
    served_model: str | None = None
    provider: str | None = None
    unconfirmed: bool = False
    first_token_ms: int | None = None
    total_ms: int | None = None
    generation_id: str | None = None
