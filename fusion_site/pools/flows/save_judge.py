"""A judge is made, or changed as a whole."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from fusion_site.accounts.models import Membership, Team
from fusion_site.pools.flows.keep_version import begun, keep_version
from fusion_site.pools.models import Connection, Judge
from fusion_site.pools.naming import LONGEST_NAME, read_model
from fusion_site.pools.plain import plain_judge
from fusion_site.pools.reading import Given, Reading
from fusion_site.pools.rights import require_editor

MAX_CRITERIA = 12
_OTHERS = {"fallback": "fallback model", "second": "second judge's model"}

_FIELDS = [
    "name",
    "connection",
    "model",
    "fallback_connection",
    "fallback_model",
    "second_connection",
    "second_model",
    "criteria",
    "instructions",
    "swap_check",
]


@transaction.atomic
def save_judge(by: Membership, given: Given, row: Judge | None = None, *, note: str = "") -> Judge:
    """Store a new judge, or the given fields of `row`, and give it; raises Invalid and then changes nothing.

    Fields are those of `plain_judge`. No criteria means the engine's own four.
    """
    require_editor(by)
    judge = begun(by, Judge, row)
    is_new = judge._state.adding
    wanted = _read(by.team, given if is_new else _changed(judge, given))
    for field, value in wanted.items():
        setattr(judge, field, value)
    judge.save()
    keep_version(by.user, judge, note)
    return judge


def _changed(judge: Judge, given: Given) -> Given:
    """Lay what was given over what is there; a model that is taken away takes its connection along."""
    merged = {**plain_judge(judge), **given}
    for other in _OTHERS:
        if not merged[f"{other}_model"] and f"{other}_connection" not in given:
            merged[f"{other}_connection"] = None
    return merged


def _read(team: Team, given: Given) -> dict[str, Any]:
    reading = Reading(given)
    reading.only(_FIELDS)
    connections = Connection.objects.filter(team=team)
    wanted = {
        "name": reading.line("name", longest=LONGEST_NAME, required=True),
        "connection": reading.row("connection", connections, "connection", required=True),
        "model": read_model(reading, "model", required=True),
        **_read_other(reading, "fallback", connections),
        **_read_other(reading, "second", connections),
        "criteria": _criteria(reading),
        "instructions": reading.text("instructions", longest=20_000),
        "swap_check": reading.flag("swap_check", default=True),
    }
    for other in _OTHERS:
        if wanted[f"{other}_model"] and reading.blank(f"{other}_connection"):
            wanted[f"{other}_connection"] = wanted["connection"]
    reading.finish()
    return wanted


def _read_other(reading: Reading, other: str, connections: QuerySet[Connection]) -> dict[str, Any]:
    """Read a model that helps the judge out; without a connection of its own it is on the judge's."""
    connection = reading.row(f"{other}_connection", connections, "connection")
    model = read_model(reading, f"{other}_model")
    if connection and not model:
        reading.wrong(f"{other}_model", f"Name the {_OTHERS[other]}, or choose no connection for it.")
    return {f"{other}_connection": connection, f"{other}_model": model}


def _criteria(reading: Reading) -> list[dict[str, Any]]:
    """Read the criteria; a verdict names each by its name, so two may not have the same."""
    found: list[dict[str, Any]] = []
    for each in reading.each("criteria", most=MAX_CRITERIA):
        each.only(["name", "description", "weight"])
        name = each.line("name", longest=80, required=True)
        if name and name.casefold() in {criterion["name"].casefold() for criterion in found}:
            each.wrong("name", "Another criterion has this name.")
        found.append(
            {
                "name": name,
                "description": each.text("description", longest=1000),
                "weight": each.number("weight", low=0, high=100, above=True, default=1.0),
            }
        )
    return found
