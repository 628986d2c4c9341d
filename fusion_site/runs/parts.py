"""The parts of a run's state: one answer, one version of the fused answer, what the judge writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class AnswerState:
    """One answer. `outcome` is empty while it is being written; `status` says what it is doing then."""

    id: str
    round: int
    member: int
    label: str
    model: str
    rehearsal: bool = False
    attempt: int = 0
    outcome: str = ""
    status: str = "waiting"
    place: int | None = None
    retry: dict[str, Any] | None = None
    text: str = ""
    reasoning: str = ""
    error: dict[str, Any] | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    cost_usd: str | None = None
    generation_id: str = ""
    served_model: str = ""
    provider: str = ""
    unconfirmed: bool = False
    first_token_ms: int | None = None
    total_ms: int | None = None


@dataclass
class FusedState:
    """One version of the fused answer. `answers` and `late` are ids of answers; the rest is as in its row."""

    version: int
    source: str
    note: str = ""
    text: str = ""
    answers: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    finished: bool = False
    guidance: dict[str, Any] | None = None
    provenance: dict[str, Any] | None = None
    missing: list[dict[str, Any]] = field(default_factory=list)
    verdict: dict[str, Any] | None = None


@dataclass
class JudgeState:
    """What the judge has written so far in the pass that is open, about `candidates`: `{label, answer}` each."""

    candidates: list[dict[str, Any]]
    text: str = ""
