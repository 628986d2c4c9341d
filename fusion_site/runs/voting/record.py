"""A pool's record: how the runs that were asked of it went, and what each of its members did in them.

It is read from the newest runs of the team, as many as there are in MOST_RUNS, so that it costs the same however long a team
has been at it. Members are told apart by label and model, since a pool changes: one that it no longer has keeps its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Any

import orjson
from django.db.models import TextField
from django.db.models.functions import Cast

from fusion_site.engine.strength import Interval, share_interval
from fusion_site.pools.models import Pool
from fusion_site.runs.models import Answer, Fusion, Run, State
from fusion_site.runs.voting.models import Vote

MOST_RUNS = 1000

Who = tuple[str, str]


@dataclass
class MemberRecord:
    """What one member did. `compared` counts verdicts that it was a candidate of; unknown figures are None.

    An answer was dropped if it ended in any other way than whole. Costs are of answers of which it is known, `priced` many.
    """

    label: str
    model: str
    answers: int = 0
    dropped: int = 0
    compared: int = 0
    picked: int = 0
    ballots: int = 0
    votes: int = 0
    priced: int = 0
    usd: Decimal | None = None
    times: list[int] = field(default_factory=list)

    @property
    def drop_share(self) -> Interval | None:
        """How often it gave no whole answer, with its 95 % interval; None of no answer."""
        return share_interval(self.dropped, self.answers)

    @property
    def pick_share(self) -> Interval | None:
        """How often a judge picked it, of the verdicts that it was compared in."""
        return share_interval(self.picked, self.compared)

    @property
    def vote_share(self) -> Interval | None:
        """How often people chose it, of the ballots that it stood on; a tie chooses nobody."""
        return share_interval(self.votes, self.ballots)

    @property
    def median_ms(self) -> float | None:
        """How long a whole answer took, half of them less."""
        return median(self.times) if self.times else None

    @property
    def mean_usd(self) -> Decimal | None:
        """What an answer cost on average."""
        return None if self.usd is None else self.usd / self.priced


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a pool's runs; `seen` of the team's runs were looked at, and `is_all` says whether that is all there are.

    `usd` is the sum of what is known; `is_cost_whole` says whether that is all. `median_ms` is of runs that came to an end.
    """

    seen: int
    is_all: bool
    runs: int
    done: int
    failed: int
    stopped: int
    usd: Decimal | None
    is_cost_whole: bool
    median_ms: float | None
    members: list[MemberRecord]


def record_of(pool: Pool) -> Record:
    """Give a pool's record from the team's newest runs."""
    newest = Run.objects.filter(team=pool.team_id).order_by("-created_at", "-id")
    columns = ("pk", "pinned", "state", "cost_usd", "cost_complete", "created_at", "finished_at")
    seen = list(newest.values(*columns)[: MOST_RUNS + 1])
    own = [each for each in seen[:MOST_RUNS] if _pool_in(each["pinned"]) == pool.pk]
    keys = [each["pk"] for each in own]
    states = [each["state"] for each in own]
    costs = [each["cost_usd"] for each in own if each["cost_usd"] is not None]
    times = [_took_ms(each) for each in own if each["state"] == State.DONE and each["finished_at"]]
    return Record(
        seen=min(len(seen), MOST_RUNS),
        is_all=len(seen) <= MOST_RUNS,
        runs=len(own),
        done=states.count(State.DONE),
        failed=states.count(State.FAILED),
        stopped=states.count(State.CANCELLED),
        usd=sum(costs, Decimal(0)) if costs else None,
        is_cost_whole=all(each["cost_complete"] for each in own),
        median_ms=median(times) if times else None,
        members=_members(keys),
    )


def _pool_in(pinned: dict[str, Any]) -> str | None:
    told = pinned.get("pool")
    return told.get("id") if told else None


def _took_ms(run: dict[str, Any]) -> float:
    return float((run["finished_at"] - run["created_at"]).total_seconds() * 1000)


def _members(runs: Sequence[str]) -> list[MemberRecord]:
    found: dict[Who, MemberRecord] = {}
    whose = _count_answers(runs, found)
    _count_picks(runs, whose, found)
    _count_votes(runs, whose, found)
    return sorted(found.values(), key=lambda each: (-each.answers, each.label, each.model))


def _count_answers(runs: Sequence[str], found: dict[Who, MemberRecord]) -> dict[str, Who]:
    """Count what was answered, and give whose each answer is."""
    rows = Answer.objects.filter(run__in=runs).exclude(outcome="").order_by()
    columns = rows.values_list(
        "pk", "label", "model", "outcome", "total_ms", "cost_usd", "paid_usd", "paid_attempts"
    )
    whose: dict[str, Who] = {}
    for key, label, model, outcome, total_ms, last, before, attempts in columns.iterator(5000):
        whose[key] = (label, model)
        member = found.setdefault(whose[key], MemberRecord(label, model))
        member.answers += 1
        member.dropped += outcome != "complete"
        if outcome == "complete" and total_ms is not None:
            member.times.append(total_ms)
        if last is not None and (before is not None or not attempts):
            member.priced += 1
            member.usd = (member.usd or Decimal(0)) + last + (before or 0)
    return whose


def _count_picks(runs: Sequence[str], whose: dict[str, Who], found: dict[Who, MemberRecord]) -> None:
    """Count by the verdict of each run's newest whole version; a close call picks nobody."""
    rows = Fusion.objects.filter(run__in=runs, finished=True, verdict__isnull=False).order_by("version")
    told = rows.annotate(told=Cast("verdict", TextField())).values_list("run_id", "told")
    for verdict in map(orjson.loads, dict(told).values()):
        if not verdict or not verdict.get("judge"):
            continue
        for who in _those({each["answer"] for each in verdict["candidates"]}, whose):
            found[who].compared += 1
        winner = whose.get(verdict["winner"] or "")
        if winner is not None and not verdict["close_call"]:
            found[winner].picked += 1


def _count_votes(runs: Sequence[str], whose: dict[str, Who], found: dict[Who, MemberRecord]) -> None:
    for choice, ballot in Vote.objects.filter(run__in=runs).order_by().values_list("choice", "ballot"):
        on_it = {each["key"] for each in ballot}
        for who in _those(on_it, whose):
            found[who].ballots += 1
        if choice in on_it and choice in whose:
            found[whose[choice]].votes += 1


def _those(answers: Iterable[str], whose: dict[str, Who]) -> set[Who]:
    return {whose[answer] for answer in answers if answer in whose}
