"""What a team's earlier runs tell about the next one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from statistics import median, median_low
from typing import TypeVar

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from fusion_site.accounts.models import Team
from fusion_site.engine.asking import ModelRef
from fusion_site.engine.settings import FusionSettings
from fusion_site.runs.models import Answer, Run, State

# So many of a team's latest answers are looked at.
LATEST = 200
# And so many of each preset's latest runs.
LATEST_RUNS = 15

T = TypeVar("T", int, Decimal)


def usual_lengths(team: Team, settings: FusionSettings) -> dict[ModelRef, int]:
    """Give the median length of the team's latest whole answers, in completion tokens, by model of the pool.

    A model that has not answered yet, or whose server does not count tokens, is left out.
    """
    refs = {member.model.model: member.model for member in settings.members}
    rows = (
        Answer.objects.filter(run__team=team, model__in=refs, outcome="complete")
        .order_by("-run__created_at")
        .values_list("model", "usage")[:LATEST]
    )
    lengths = defaultdict(list)
    for model, usage in rows:
        if (tokens := usage.get("completion_tokens")) is not None:
            lengths[refs[model]].append(tokens)
    return {ref: round(median(found)) for ref, found in lengths.items()}


@dataclass(frozen=True)
class Usual:
    """What a preset's latest runs in the team took, by the median: US dollars and milliseconds. None is unknown."""

    runs: int
    cost_usd: Decimal | None
    total_ms: int | None


def usual_of(team: Team) -> dict[str, Usual]:
    """Give what the latest whole runs of each of the team's presets took, by the preset's id.

    A run counts with its cost where all of it is known, and with its time where nobody was waited for and it was asked once.
    """
    newest = Window(RowNumber(), partition_by=F("preset"), order_by=F("created_at").desc())
    rows = (
        Run.objects.filter(team=team, state=State.DONE, is_open=False, preset__isnull=False)
        .annotate(newest=newest)
        .filter(newest__lte=LATEST_RUNS)
        .values_list(
            "preset", "cost_usd", "cost_complete", "created_at", "finished_at", "guidance", "version"
        )
    )
    costs, times, counts = defaultdict(list), defaultdict(list), Counter[str]()
    for preset, cost, is_complete, begun, ended, guidance, version in rows:
        counts[preset] += 1
        if cost is not None and is_complete:
            costs[preset].append(cost)
        if ended is not None and guidance is None and version == 1:
            times[preset].append(int((ended - begun).total_seconds() * 1000))
    return {
        preset: Usual(number, _median(costs[preset]), _median(times[preset]))
        for preset, number in counts.items()
    }


def _median(found: list[T]) -> T | None:
    """Give the lower of the two in the middle, where there are two: one that a run really had."""
    return median_low(found) if found else None
