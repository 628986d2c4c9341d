"""`/api/v1/pools/{id}/record`: how the runs of a pool went, and what each member did in them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from fusion_site.api.doors import found
from fusion_site.api.insights import money_shown
from fusion_site.pools.models import Pool
from fusion_site.runs.voting.record import MemberRecord, record_of

router = Router(tags=["pools"])


class MemberRecordOut(Schema):
    """What one member did; unknown figures are null."""

    label: str
    model: str
    answers: int
    dropped: int = Field(description="Answers that ended in any other way than whole.")
    compared: int = Field(description="Verdicts that it was a candidate of.")
    picked: int
    ballots: int = Field(description="Votes in which it could be chosen.")
    votes: int
    median_ms: float | None
    priced: int = Field(description="Answers of which the cost is known.")
    mean_usd: str | None


class RecordOut(Schema):
    """What became of a pool's runs, of the newest of the team: `seen` of them, which `is_all` says are all there are."""

    seen: int
    is_all: bool
    runs: int
    done: int
    failed: int
    stopped: int
    cost_usd: str | None
    cost_complete: bool
    median_ms: float | None
    members: list[MemberRecordOut]


@router.get("/{pool_id}/record", response=RecordOut)
def read_record(request: HttpRequest, pool_id: str) -> dict[str, Any]:
    """Give the record of a pool."""
    told = record_of(found(request, Pool, pool_id))
    return {
        "seen": told.seen,
        "is_all": told.is_all,
        "runs": told.runs,
        "done": told.done,
        "failed": told.failed,
        "stopped": told.stopped,
        "cost_usd": money_shown(told.usd),
        "cost_complete": told.is_cost_whole,
        "median_ms": told.median_ms,
        "members": [_member(each) for each in told.members],
    }


def _member(each: MemberRecord) -> dict[str, Any]:
    return {
        "label": each.label,
        "model": each.model,
        "answers": each.answers,
        "dropped": each.dropped,
        "compared": each.compared,
        "picked": each.picked,
        "ballots": each.ballots,
        "votes": each.votes,
        "median_ms": each.median_ms,
        "priced": each.priced,
        "mean_usd": money_shown(each.mean_usd),
    }
