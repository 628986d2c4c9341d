"""The site's owner says which file is hosted and how, whether it runs, when it is unloaded, and who may use it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import PermissionDenied
from django.db import transaction

from fusion_site.accounts.models import Team, User
from fusion_site.compact.files.offer import PullFailed
from fusion_site.compact.files.proving import BadTemplate, prove
from fusion_site.ops.querying import query_patiently
from fusion_site.pools import compact_files
from fusion_site.pools.compact_choice import chosen, hosted_file, set_file
from fusion_site.pools.flows.starter import ensure_local_connections
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import CompactHost
from fusion_site.pools.reading import Given, Reading

MOST_IDLE_MIN = 7 * 24 * 60
NO_FILE = "There is no such file here."


@dataclass(frozen=True, slots=True)
class Choice:
    """A file that was chosen, and what the row said before."""

    path: Path
    file_before: str
    instead_of_before: str


def require_operator(by: User) -> None:
    """Raise PermissionDenied for everyone but the site's owner: what is hosted concerns every team and the whole machine."""
    if not by.is_site_owner:
        raise PermissionDenied("Only the owner of this site may change what it hosts.")


@transaction.atomic
def choose_file(by: User, name: str) -> Choice:
    """Host that file of the shelf from now on; Invalid where there is none."""
    require_operator(by)
    kept = compact_files.shelf().find(name)
    if kept is None:
        raise Invalid({"file": [NO_FILE]})
    before = chosen()
    _keep(file=str(kept.path), instead_of=set_file(), is_on=True)
    ensure_local_connections()
    return Choice(kept.path, before.file, before.instead_of)


def take_back(choice: Choice) -> None:
    """Return to what was chosen before, since the file could not take over; a choice made meanwhile stays."""
    CompactHost.objects.filter(file=str(choice.path)).update(
        file=choice.file_before, instead_of=choice.instead_of_before
    )


def switch(by: User, *, on: bool) -> None:
    """Run the host at each start of the site, or do not."""
    require_operator(by)
    _keep(is_on=on)


def set_idle(by: User, given: Given) -> int:
    """Keep after how many minutes without an ask the model is unloaded, and give it in seconds; 0 is never."""
    require_operator(by)
    reading = Reading(given)
    minutes = read_idle(reading)
    reading.finish()
    _keep(idle_s=minutes * 60)
    return minutes * 60


def read_idle(reading: Reading) -> int:
    """Give after how many minutes without an ask the model is unloaded; 0 is never."""
    return reading.whole("idle_min", low=0, high=MOST_IDLE_MIN, default=0) or 0


@transaction.atomic
def open_to(by: User, *, everyone: bool, teams: Iterable[str]) -> None:
    """Let every team use the Compact model, or the named ones alone; those that gain it get their connection."""
    require_operator(by)
    row = _keep(open_to_all=everyone)
    if not everyone:
        row.teams.set(Team.objects.filter(pk__in=list(teams)))
    ensure_local_connections()


async def set_template(by: User, text: str, meant: str | None) -> Path:
    """Host the chosen file with that chat template from its next load on, and give the file; empty takes the file's own.

    `meant` is the name of the file that it was written for, where that is known. Raises Invalid where another one was chosen meanwhile, or where
    it fails on a short conversation.
    """
    require_operator(by)
    file = await query_patiently(hosted_file)
    if file is None:
        raise Invalid({"template": ["No file is hosted that it could be for."]})
    if meant is not None and file.name != meant:
        raise Invalid(
            {"template": [f"It was for {meant}, but {file.name} is hosted from now on. Nothing is saved."]}
        )
    text = text.replace("\r\n", "\n") if text.strip() else ""
    try:
        if text:
            await prove(text)
    except BadTemplate as error:
        raise Invalid({"template": [str(error)]}) from error
    await asyncio.to_thread(compact_files.templates().keep, file, text)
    return file


def remove_file(by: User, name: str) -> None:
    """Delete a file of the shelf that is not hosted."""
    require_operator(by)
    kept = compact_files.shelf().find(name)
    if kept is None:
        return
    if hosted_file() == kept.path:
        raise Invalid({"file": [f"{name} is the file that is hosted; choose another one first."]})
    compact_files.shelf().remove(name)


def remove_part(by: User, name: str) -> None:
    """Delete what came of a file whose fetch was cut."""
    require_operator(by)
    try:
        compact_files.shelf().remove_part(name)
    except PullFailed as error:
        raise Invalid({"file": [str(error)]}) from error


def _keep(**changes: object) -> CompactHost:
    row = chosen()
    for field, value in changes.items():
        setattr(row, field, value)
    row.save()
    return row
