"""What runs are marked with: the person's own stars, and the team's tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet

from fusion_site.accounts.models import Team
from fusion_site.runs.access import may_act
from fusion_site.runs.finding.models import Star, Tag, Tagged
from fusion_site.runs.models import Run


@dataclass
class Marks:
    """What one run is marked with."""

    starred: bool = False
    tags: list[Tag] = field(default_factory=list)


def marks_of(runs: Sequence[Run], person: Any) -> dict[str, Marks]:
    """Give for each run, by its id, whether this person starred it, and its tags by name."""
    found = {run.pk: Marks() for run in runs}
    for run_id in Star.objects.filter(run__in=found, person=person).values_list("run", flat=True):
        found[run_id].starred = True
    for tagged in Tagged.objects.filter(run__in=found).select_related("tag").order_by("tag__folded"):
        found[tagged.run_id].tags.append(tagged.tag)
    return found


def tags_of(team: Team | str) -> QuerySet[Tag, Tag]:
    """Give the team's tags by name, each with the number of runs that have it as `runs`."""
    return Tag.objects.filter(team=team).annotate(runs=Count("tagged"))


def marks_view(person: Any, run: Run) -> dict[str, Any]:
    """Give what `runs/_marks.html` shows this person as `run`."""
    marks = marks_of([run], person)[run.pk]
    return {"id": run.pk, "starred": marks.starred, "tags": marks.tags, "may_act": may_act(person, run)}
