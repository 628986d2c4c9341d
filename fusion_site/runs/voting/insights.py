"""What a team learns from its runs: who wins, before people and before judges; whether these agree; what it takes.

A model is one whichever pool or connection it was asked by. Where several answers of one run are of one model, they
count as one contender. What was merged is a contender before people, called `fused`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from django.utils import timezone

from fusion_site.accounts.models import Team
from fusion_site.engine.strength import Choice, Interval, share_interval, strengths
from fusion_site.runs.voting.picks import Period, Said, Spent, Verdict, Voted, period_of

# Periods by which a page can be narrowed, in days; 0 is all time.
PERIODS = (7, 30, 90, 0)
DEFAULT_DAYS = 30
# Contenders beyond these are listed nowhere: nobody compares so many, and fitting takes the cube of their number.
MOST_RANKED = 40


@dataclass(frozen=True, slots=True)
class Rank:
    """One contender. `strength` is how probably it is chosen over a middling one; ties are those it was part of."""

    name: str
    compared: int
    wins: int
    ties: int
    strength: Interval


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often people's votes went to what the judge had picked; a tie counts in equal parts.

    `chance` is how often a blind pick would have.
    """

    share: Interval | None
    votes: int
    chance: float | None


@dataclass(frozen=True, slots=True)
class JudgeFigures:
    """One judge. `own_picks` counts verdicts for its own model, of `own` in which that took part; `own_chance` as above."""

    model: str
    verdicts: int
    close_calls: int
    agreement: Agreement
    own: int
    own_picks: Interval | None
    own_chance: float | None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What one model takes. Unknown figures are None; costs are of answers of which it is known, `priced` many."""

    model: str
    answers: int
    complete: int
    median_ms: float | None
    priced: int
    mean_usd: Decimal | None
    total_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Insights:
    """All of it, for one period. `days` is None for all time."""

    days: int | None
    runs: int
    votes: int
    verdicts: int
    by_people: list[Rank]
    by_judges: list[Rank]
    agreement: Agreement
    judges: list[JudgeFigures]
    models: list[ModelFigures]


def insights_of(team: Team, days: int | None, *, now: datetime | None = None) -> Insights:
    """Give what the team's runs of the last `days` tell; None is all time."""
    since = (now or timezone.now()) - timedelta(days=days) if days else None
    found = period_of(team, since)
    return Insights(
        days=days or None,
        runs=len({said.run for said in found.answers.values()}),
        votes=len(found.votes),
        verdicts=len(found.verdicts),
        by_people=_ranks([vote.choice for vote in found.votes]),
        by_judges=_ranks([verdict.choice for verdict in found.verdicts]),
        agreement=_agreement(found.votes, found.verdicts),
        judges=_judges(found),
        models=_models(found),
    )


def _ranks(choices: Sequence[Choice[str]]) -> list[Rank]:
    """Give the contenders, the strongest first."""
    real = [choice for choice in choices if len(choice.among) > 1]
    compared = Counter(name for choice in real for name in choice.among)
    wins = Counter(name for choice in real if len(choice.chosen) == 1 for name in choice.chosen)
    ties = Counter(name for choice in real if len(choice.chosen) > 1 for name in choice.chosen)
    ranked = frozenset(sorted(compared, key=lambda name: (-compared[name], name))[:MOST_RANKED])
    fit = strengths(_within(real, ranked) if len(compared) > MOST_RANKED else real)
    ranks = [Rank(name, compared[name], wins[name], ties[name], fit.wins(name)) for name in fit.names]
    return sorted(ranks, key=lambda rank: (-rank.strength.value, rank.name))


def _within(choices: Sequence[Choice[str]], names: frozenset[str]) -> list[Choice[str]]:
    """Leave the others out; of a choice that was one of them, nothing is left."""
    return [Choice(choice.among & names, choice.chosen & names) for choice in choices]


def _agreement(votes: Sequence[Voted], verdicts: Sequence[Verdict]) -> Agreement:
    """Compare each vote with the judge's pick in its run. What was merged no judge could pick, so it is left out."""
    picked = {verdict.run: verdict.choice for verdict in verdicts if not verdict.is_close}
    shared, chance, count = 0.0, 0.0, 0
    for vote in votes:
        if vote.run not in picked:
            continue
        pick = picked[vote.run]
        among = vote.choice.among & pick.among
        chosen = vote.choice.chosen & among
        if not chosen or len(among) < 2 or not pick.chosen <= among:
            continue
        count += 1
        shared += len(chosen & pick.chosen) / len(chosen)
        chance += 1 / len(among)
    return Agreement(share_interval(shared, count), count, chance / count if count else None)


def _judges(found: Period) -> list[JudgeFigures]:
    of_judge: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in found.verdicts:
        of_judge[verdict.judge].append(verdict)
    figures = [_judge(name, verdicts, found.votes) for name, verdicts in of_judge.items()]
    return sorted(figures, key=lambda each: (-each.verdicts, each.model))


def _judge(name: str, verdicts: list[Verdict], votes: Sequence[Voted]) -> JudgeFigures:
    own = [v for v in verdicts if v.own and not v.is_close and len(v.choice.among) > 1]
    picks = sum(name in verdict.choice.chosen for verdict in own)
    chance = sum(1 / len(verdict.choice.among) for verdict in own)
    return JudgeFigures(
        model=name,
        verdicts=len(verdicts),
        close_calls=sum(verdict.is_close for verdict in verdicts),
        agreement=_agreement(votes, verdicts),
        own=len(own),
        own_picks=share_interval(picks, len(own)),
        own_chance=chance / len(own) if own else None,
    )


def _models(found: Period) -> list[ModelFigures]:
    of_model: dict[str, list[Said]] = defaultdict(list)
    for said in found.answers.values():
        of_model[said.model].append(said)
    nothing = Spent(0, None)
    figures = [_model(name, said, found.spent.get(name, nothing)) for name, said in of_model.items()]
    return sorted(figures, key=lambda each: (-each.answers, each.model))


def _model(name: str, said: list[Said], spent: Spent) -> ModelFigures:
    complete = [each for each in said if each.outcome == "complete"]
    times = [each.total_ms for each in complete if each.total_ms is not None]
    return ModelFigures(
        model=name,
        answers=len(said),
        complete=len(complete),
        median_ms=median(times) if times else None,
        priced=spent.priced,
        mean_usd=None if spent.usd is None else spent.usd / spent.priced,
        total_usd=spent.usd,
    )
