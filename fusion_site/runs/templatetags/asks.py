"""What the page of the Compact host says of those who ask it with `{% load asks %}`: its own room knows no runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.template import Library

from fusion_site.accounts.models import Membership
from fusion_site.pools import compact_host
from fusion_site.pools.models import Connection, Kind
from fusion_site.runs.live.presenting import preset_words
from fusion_site.runs.models import Answer, Step

register = Library()

MOST_LOOKED_AT = 200


@dataclass(frozen=True)
class UnderWay:
    """One ask that is waited for or being answered: whose, in which run, and as what."""

    run: str
    preset: str
    person: str
    part: str


@register.inclusion_tag("runs/_asks.html")
def compact_asks(place: Membership) -> dict[str, Any]:
    """Show who asks the Compact model of this machine: the reader's team by name, all others as a number."""
    figures = compact_host.status().figures
    if not figures.busy and not figures.waiting:
        return {"own": [], "others": 0}
    connections = set(Connection.objects.filter(kind=Kind.COMPACT, base_url="").values_list("pk", flat=True))
    own, others = [], 0
    for team, ask in [*_members(connections), *_judges(connections)]:
        if team == place.team_id:
            own.append(ask)
        else:
            others += 1
    return {"own": own, "others": others}


def _members(connections: set[str]) -> list[tuple[str, UnderWay]]:
    """Give the answers that are not over. Which connection each has stands in its run's frozen settings."""
    rows = Answer.objects.filter(outcome="", run__is_open=True).values_list(
        "run__team",
        "run",
        "run__preset_name",
        "run__person__email",
        "label",
        "member",
        "run__settings__members",
    )
    return [
        (team, UnderWay(run, preset_words(preset), person, label))
        for team, run, preset, person, label, member, members in rows[:MOST_LOOKED_AT]
        if _connection(members, member) in connections
    ]


def _connection(members: list[dict[str, Any]], index: int) -> str | None:
    found = next((each for each in members if each["index"] == index), None)
    return found["model"]["connection"] if found else None


def _judges(connections: set[str]) -> list[tuple[str, UnderWay]]:
    rows = Step.objects.filter(outcome="", run__is_open=True, connection__in=connections).values_list(
        "run__team", "run", "run__preset_name", "run__person__email"
    )
    return [
        (team, UnderWay(run, preset_words(preset), person, "the judge"))
        for team, run, preset, person in rows[:MOST_LOOKED_AT]
    ]
