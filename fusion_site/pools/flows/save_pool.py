"""A pool is made, or changed as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from fusion_site.accounts.models import Membership, Team
from fusion_site.pools.flows.keep_version import begun, keep_version
from fusion_site.pools.models import MAX_MEMBERS, Connection, Pool, PoolMember
from fusion_site.pools.naming import LONGEST_NAME, read_model
from fusion_site.pools.plain import plain_pool
from fusion_site.pools.reading import Given, Reading
from fusion_site.pools.rights import require_editor
from fusion_site.pools.sampling import read_params

_LONGEST_DEADLINE_S = 3600


@dataclass(frozen=True)
class _Wanted:
    name: str
    zero_retention: bool
    members: list[dict[str, Any]]


@transaction.atomic
def save_pool(by: Membership, given: Given, row: Pool | None = None, *, note: str = "") -> Pool:
    """Store a new pool, or the given fields of `row`, and give it; raises Invalid and then changes nothing.

    Fields are those of `plain_pool`. A given list of members replaces the one before.
    """
    require_editor(by)
    pool = begun(by, Pool, row)
    is_new = pool._state.adding
    wanted = _read(by.team, given if is_new else {**plain_pool(pool), **given}, pool)
    pool.name, pool.zero_retention = wanted.name, wanted.zero_retention
    pool.save()
    pool.members.all().delete()
    PoolMember.objects.bulk_create(
        PoolMember(pool=pool, position=position, **fields) for position, fields in enumerate(wanted.members)
    )
    keep_version(by.user, pool, note)
    return pool


def _read(team: Team, given: Given, pool: Pool) -> _Wanted:
    reading = Reading(given)
    reading.only(["name", "zero_retention", "members"])
    name = reading.line("name", longest=LONGEST_NAME, required=True)
    zero_retention = reading.flag("zero_retention", default=False)
    members = [_member(team, each) for each in reading.each("members", most=MAX_MEMBERS)]
    if "members" not in reading.errors:
        _check_number(reading, len(members), pool)
    reading.finish()
    return _Wanted(name, zero_retention, members)


def _check_number(reading: Reading, number: int, pool: Pool) -> None:
    if not number:
        reading.wrong("members", "A pool needs at least one member.")
    for preset in pool.presets.filter(quorum__gt=number):
        reading.wrong("members", f"The preset “{preset.name}” waits for {preset.quorum} usable answers.")


def _member(team: Team, reading: Reading) -> dict[str, Any]:
    reading.only(["connection", "model", "label", "system", "aspect", "required", "deadline_s", "params"])
    connections = Connection.objects.filter(team=team)
    return {
        "connection": reading.row("connection", connections, "connection", required=True),
        "model": read_model(reading, "model", required=True),
        "label": reading.line("label", longest=80),
        "system": reading.text("system", longest=20_000),
        "aspect": reading.line("aspect", longest=80),
        "required": reading.flag("required", default=False),
        "deadline_s": reading.number("deadline_s", low=1, high=_LONGEST_DEADLINE_S),
        "params": read_params(reading.inside("params")),
    }
