"""What a team's runs of a period tell of its models and judges, read from rows without any text.

Everything is read in a few queries over narrow columns, and put together here: the verdicts are the largest of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from django.db.models import Count, Q, Sum, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast

from fusion_site.accounts.models import Team
from fusion_site.engine.strength import Choice
from fusion_site.runs.models import Answer, Fusion
from fusion_site.runs.voting.models import Vote


class Said(NamedTuple):
    """One answer, as far as this is about it; what is unknown is None."""

    run: str
    model: str
    outcome: str
    total_ms: int | None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a model's answers have cost, of those of which that is known; None where of none."""

    priced: int
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge found of one run: among which models, and which it chose; `own` says whether the judge's was one."""

    run: str
    judge: str
    choice: Choice[str]
    is_close: bool
    own: bool


@dataclass(frozen=True, slots=True)
class Voted:
    """One person's vote, by models."""

    run: str
    choice: Choice[str]


@dataclass
class Period:
    """All that is known of a period."""

    answers: dict[str, Said] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    votes: list[Voted] = field(default_factory=list)
    spent: dict[str, Spent] = field(default_factory=dict)


def period_of(team: Team, since: datetime | None) -> Period:
    """Give what the team's runs that were started since then tell; None is all of them."""
    answers = dict(_answers(team, since))
    verdicts = list(_verdicts(team, since, answers))
    return Period(answers, verdicts, list(_votes(team, since)), _spent(team, since))


def _of(team: Team, since: datetime | None) -> dict[str, Any]:
    return {"run__team": team, **({"run__created_at__gte": since} if since else {})}


def _answers(team: Team, since: datetime | None) -> Iterator[tuple[str, Said]]:
    rows = Answer.objects.filter(**_of(team, since)).exclude(outcome="").order_by()
    columns = rows.annotate(asked=KeyTransform("asked", "error")).values_list(
        "pk", "run_id", "model", "outcome", "total_ms", "asked"
    )
    for key, run, model, outcome, total_ms, asked in columns.iterator(5000):
        if asked is not False:  # what rules forbade to ask says nothing of the model
            yield key, Said(run, model, outcome, total_ms)


def _spent(team: Team, since: datetime | None) -> dict[str, Spent]:
    """Add costs up where the rows are: of what was asked several times, it is known where that of each attempt is."""
    is_known = Q(cost_usd__isnull=False) & (Q(paid_usd__isnull=False) | Q(paid_attempts=0))
    rows = Answer.objects.filter(is_known, **_of(team, since)).exclude(outcome="").order_by()
    sums = rows.values("model").annotate(priced=Count("pk"), last=Sum("cost_usd"), before=Sum("paid_usd"))
    return {each["model"]: Spent(each["priced"], each["last"] + (each["before"] or 0)) for each in sums}


def _verdicts(team: Team, since: datetime | None, answers: dict[str, Said]) -> Iterator[Verdict]:
    """Give the verdict of each run's newest whole version, where a judge gave one."""
    rows = (
        Fusion.objects.filter(**_of(team, since), finished=True, verdict__isnull=False)
        .annotate(told=Cast("verdict", TextField()))
        .order_by()
        .values_list("run_id", "version", "told")
    )
    newest: dict[str, tuple[int, str]] = {}
    for run, version, told in rows.iterator(2000):
        if version > newest.get(run, (0, ""))[0]:
            newest[run] = (version, told)
    for run, (_, told) in newest.items():
        found = orjson.loads(told)
        if found and found.get("judge"):
            verdict = _verdict(run, found, answers)
            if verdict is not None:
                yield verdict


def _verdict(run: str, found: dict[str, Any], answers: dict[str, Said]) -> Verdict | None:
    """Give a verdict by models. One that abstained is a tie of those that it compared last."""
    models = {c["label"]: answers[c["answer"]].model for c in found["candidates"] if c["answer"] in answers}
    winner = answers.get(found["winner"] or "")
    tied = frozenset(models[letter] for letter in found["finalists"] if letter in models)
    is_close = bool(found["close_call"])
    chosen = tied if is_close or winner is None else frozenset({winner.model})
    judge = found["judge"]["model"]
    if not chosen:
        return None
    return Verdict(
        run, judge, Choice(frozenset(models.values()) | chosen, chosen), is_close, judge in models.values()
    )


def _votes(team: Team, since: datetime | None) -> Iterator[Voted]:
    rows = Vote.objects.filter(**_of(team, since)).order_by().values_list("run_id", "choice", "ballot")
    for run, choice, ballot in rows.iterator(5000):
        models = {each["key"]: each["model"] for each in ballot}
        among = frozenset(models.values())
        chosen = frozenset({models[choice]}) if choice in models else among
        yield Voted(run, Choice(among, chosen))
