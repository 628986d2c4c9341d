"""`/api/v1/insights`: who wins before people and judges, whether these agree, and what models take."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from fusion_site.api.doors import caller
from fusion_site.engine.strength import Interval
from fusion_site.pools.plain import money_text
from fusion_site.runs.voting.insights import (
    Agreement,
    Insights,
    JudgeFigures,
    ModelFigures,
    Rank,
    insights_of,
)

router = Router(tags=["insights"])


class Span(Schema):
    """Which runs count."""

    days: int = Field(30, ge=0, le=3650, description="Runs of so many last days; 0 is all time.")


class IntervalOut(Schema):
    """A share from 0 to 1 with its 95 % interval."""

    low: float
    value: float
    high: float


class RankOut(Schema):
    """One contender: a model, or `fused` for what was merged."""

    name: str
    strength: IntervalOut = Field(
        description="How probably it is chosen over one of middling strength, by Bradley and Terry's model."
    )
    wins: int
    ties: int
    compared: int


class AgreementOut(Schema):
    """How often people chose what the judge had picked."""

    share: IntervalOut | None
    votes: int
    chance: float | None = Field(description="How often a blind pick would have.")


class JudgeFiguresOut(Schema):
    """One judge."""

    model: str
    verdicts: int
    close_calls: int
    agreement: AgreementOut
    own: int = Field(description="Verdicts with a pick in which its own model took part.")
    own_picks: IntervalOut | None
    own_chance: float | None


class ModelFiguresOut(Schema):
    """One model; unknown figures are null."""

    model: str
    answers: int
    complete: int
    median_ms: float | None
    priced: int = Field(description="Answers of which the cost is known.")
    mean_usd: str | None
    total_usd: str | None


class InsightsOut(Schema):
    """What the token's team learns from its runs."""

    days: int | None
    runs: int
    votes: int
    verdicts: int
    by_people: list[RankOut]
    by_judges: list[RankOut]
    agreement: AgreementOut
    judges: list[JudgeFiguresOut]
    models: list[ModelFiguresOut]


@router.get("", response=InsightsOut)
def read_insights(request: HttpRequest, span: Query[Span]) -> dict[str, Any]:
    """Give the figures of the team's runs."""
    return _shown(insights_of(caller(request).membership.team, span.days or None))


def _shown(found: Insights) -> dict[str, Any]:
    return {
        "days": found.days,
        "runs": found.runs,
        "votes": found.votes,
        "verdicts": found.verdicts,
        "by_people": [_rank(each) for each in found.by_people],
        "by_judges": [_rank(each) for each in found.by_judges],
        "agreement": _agreement(found.agreement),
        "judges": [_judge(each) for each in found.judges],
        "models": [_model(each) for each in found.models],
    }


def _interval(found: Interval | None) -> dict[str, float] | None:
    return {"low": found.low, "value": found.value, "high": found.high} if found else None


def _rank(rank: Rank) -> dict[str, Any]:
    counts = {"wins": rank.wins, "ties": rank.ties, "compared": rank.compared}
    return {"name": rank.name, "strength": _interval(rank.strength), **counts}


def _agreement(found: Agreement) -> dict[str, Any]:
    return {"share": _interval(found.share), "votes": found.votes, "chance": found.chance}


def _judge(found: JudgeFigures) -> dict[str, Any]:
    return {
        "model": found.model,
        "verdicts": found.verdicts,
        "close_calls": found.close_calls,
        "agreement": _agreement(found.agreement),
        "own": found.own,
        "own_picks": _interval(found.own_picks),
        "own_chance": found.own_chance,
    }


def _model(found: ModelFigures) -> dict[str, Any]:
    return {
        "model": found.model,
        "answers": found.answers,
        "complete": found.complete,
        "median_ms": found.median_ms,
        "priced": found.priced,
        "mean_usd": money_shown(found.mean_usd),
        "total_usd": money_shown(found.total_usd),
    }


def money_shown(usd: Decimal | None) -> str | None:
    """Give US dollars of any fineness as a decimal string."""
    return money_text(usd.quantize(Decimal("1e-10"))) if usd is not None else None
