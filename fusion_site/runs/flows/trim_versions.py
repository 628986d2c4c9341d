"""What runs were made from stays readable as long as they are there; other old versions of pools, judges and presets go."""

from __future__ import annotations

from django.db.models import Q

from fusion_site.pools.flows.trim_versions import Overfull, overfull, trim
from fusion_site.runs.models import Run


def trim_versions() -> int:
    """Delete old versions that no run pins, where there are too many; gives how many went.

    A run that is made meanwhile pins newest versions, which are never among them.
    """
    return sum(trim(found, _pinned(found)) for found in overfull())


def _pinned(found: Overfull) -> set[int]:
    """Give the numbers of the thing's versions that runs of its team pin."""
    nouns = ("preset", "pool", "judge")
    named = Q(*((f"pinned__{noun}__id", found.thing) for noun in nouns), _connector=Q.OR)
    pins = Run.objects.filter(named, team=found.team).values_list("pinned", flat=True)
    return {
        pin["version"] for each in pins.iterator(1000) for pin in each.values() if pin["id"] == found.thing
    }
