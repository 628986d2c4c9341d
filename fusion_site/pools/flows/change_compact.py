"""The site's owner changes several things of the Compact host at once: all of them, or none where one cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from fusion_site.accounts.models import Team, User
from fusion_site.pools import compact_files
from fusion_site.pools.flows import run_compact
from fusion_site.pools.flows.run_compact import Choice, read_idle
from fusion_site.pools.invalid import no_such
from fusion_site.pools.reading import Reading, is_storable


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be changed; None stays as it is. `teams` are slugs."""

    running: bool | None = None
    file: str | None = None
    idle_min: int | None = None
    everyone: bool | None = None
    teams: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What the process that supervises the host has to know of it."""

    choice: Choice | None = None
    running: bool | None = None
    idle_s: int | None = None


@transaction.atomic
def change(by: User, wanted: Wanted) -> Changed:
    """Keep all that is wanted; raises Invalid with a message for each that cannot be, and nothing is kept then."""
    run_compact.require_operator(by)
    teams = _checked(wanted)
    idle_s = None
    if wanted.idle_min is not None:
        idle_s = run_compact.set_idle(by, {"idle_min": wanted.idle_min})
    if teams is not None:
        run_compact.open_to(by, everyone=bool(wanted.everyone), teams=teams)
    if wanted.file is not None:
        return Changed(run_compact.choose_file(by, wanted.file), idle_s=idle_s)
    if wanted.running is not None:
        run_compact.switch(by, on=wanted.running)
    return Changed(running=wanted.running, idle_s=idle_s)


def _checked(wanted: Wanted) -> list[str] | None:
    """Give the ids of the teams that may use the host, where that is to change; raises Invalid."""
    reading = Reading({"idle_min": wanted.idle_min})
    read_idle(reading)
    if wanted.file is not None:
        _check_file(wanted.file, wanted.running, reading)
    teams = _teams(wanted, reading)
    reading.finish()
    return teams


def _check_file(name: str, running: bool | None, reading: Reading) -> None:
    if compact_files.shelf().find(name) is None:
        reading.wrong("file", run_compact.NO_FILE)
    if running is False:
        reading.wrong(
            "running", "A file that takes over is run: change the file, or stop the host, not both."
        )


def _teams(wanted: Wanted, reading: Reading) -> list[str] | None:
    slugs = wanted.teams
    if slugs is None:
        if wanted.everyone is False:
            reading.wrong("teams", "Say which teams may use it.")
        return [] if wanted.everyone is not None else None
    if wanted.everyone:
        reading.wrong("teams", "Every team may use it, so there are none to name: send one of the two.")
    storable = [slug for slug in slugs if is_storable(slug)]
    found = dict(Team.objects.filter(slug__in=storable).values_list("slug", "pk"))
    for place, slug in enumerate(slugs):
        if slug not in found:
            reading.wrong(f"teams.{place}", no_such("team"))
    return list(found.values())
