"""Of each thing the newest versions are kept, and of older ones those that somebody counts on; the others go."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Count

from fusion_site.pools.models import Version

# So many of a thing are kept in any case. One may hold eight members' prompts, so they are not kept without end.
MOST_KEPT = 200


class Overfull(NamedTuple):
    """A thing with more versions than are kept: its team's id and its own."""

    team: str
    thing: str


def overfull() -> list[Overfull]:
    """Give the things of which there are more versions than are kept."""
    counted = Version.objects.order_by().values_list("team", "thing").annotate(count=Count("pk"))
    return [Overfull(team, thing) for team, thing, _ in counted.filter(count__gt=MOST_KEPT)]


def trim(found: Overfull, but: Collection[int]) -> int:
    """Delete a thing's versions beyond the newest, `but` for these numbers; gives how many went."""
    versions = Version.objects.filter(team=found.team, thing=found.thing).order_by("-number")
    numbers = versions.values_list("number", flat=True)[MOST_KEPT:]
    due = [number for number in numbers if number not in but]
    return versions.filter(number__in=due).delete()[0] if due else 0
