"""What the page of the Compact host says of those who ask it with `{% load asks %}`: its own room knows no runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.template import Library

from fusion_site.accounts.models import Membership
from fusion_site.pools import compact_host
from fusion_site.pools.models import Connection, Kind
from fusion_site.runs.live.presenting import preset_words
from fusion_site.runs.models import Answer, Event, Step

register = Library()

MOST_LOOKED_AT = 200
# What puts an answer into a queue, and what takes it out.
_TURNS = ("answer.queued", "answer.accepted", "answer.started")


@dataclass(frozen=True)
class UnderWay:
    """One ask that is waited for or being answered: whose, in which run, and as what; its place, while it waits in a queue."""

    run: str
    preset: str
    person: str
    part: str
    answer: str | None = None
    place: int | None = None


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
    places = _places({ask.run for ask in own})
    return {"own": [replace(ask, place=places.get(ask.answer)) for ask in own], "others": others}


def _places(runs: Iterable[str]) -> dict[str | None, int]:
    """Give the places of the answers that wait, as their runs were told last."""
    told = (
        Event.objects.filter(run__in=runs, kind__in=_TURNS).values_list("kind", "data").order_by("run", "seq")
    )
    places: dict[str | None, int] = {}
    for kind, data in told:
        if kind == "answer.queued":
            places[data["answer"]] = data["place"]
        else:
            places.pop(data["answer"], None)
    return places


def _members(connections: set[str]) -> list[tuple[str, UnderWay]]:
    """Give the answers that are not over. Which connection each has stands in its run's frozen settings."""
    rows = Answer.objects.filter(outcome="", run__is_open=True).values_list(
        "run__team",
        "run",
        "run__preset_name",
        "run__person__email",
        "pk",
        "label",
        "member",
        "run__settings__members",
    )
    return [
        (team, UnderWay(run, preset_words(preset), person, label, answer))
        for team, run, preset, person, answer, label, member, members in rows[:MOST_LOOKED_AT]
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
