"""Pools, judges and presets are made as a file tells them: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from fusion_site.accounts.models import Membership, Team
from fusion_site.pools.file_format import OF_JUDGE, Document
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.invalid import Errors, Invalid, no_such
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset
from fusion_site.pools.naming import LONGEST_NAME, free_name, slug_for
from fusion_site.pools.plain import Plain
from fusion_site.pools.rights import require_editor

NOT_CHOSEN = "This team has no connection that leads there. Choose one to stand in."


@dataclass(frozen=True)
class Needed:
    """A connection that a file names, and which of the team's stands in for it: None where one has to be chosen."""

    at: int
    name: str
    kind: str
    base_url: str
    use: Connection | None


@dataclass(frozen=True)
class Made:
    """A thing that was made, or would be. `was` is its name in the file, `slug_was` the slug, where that differs."""

    kind: str
    row: Named
    was: str
    slug_was: str = ""

    @property
    def is_renamed(self) -> bool:
        """Whether the team had one of that name."""
        return self.row.name != self.was


@dataclass
class _Import:
    by: Membership
    note: str
    ids: dict[tuple[str, str], str]
    made: list[Made] = field(default_factory=list)
    errors: Errors = field(default_factory=dict)


def needed(team: Team, document: Document, chosen: Mapping[str, str]) -> list[Needed]:
    """Give the connections that a file names. `chosen` are ids by the name in the file; the rest is found by address.

    Raises Invalid at `connections.<place>` for a choice that is none of the team's.
    """
    there = list(Connection.objects.filter(team=team))
    errors: Errors = {}
    found = []
    for at, each in enumerate(document["connections"]):
        name, kind, url = (str(each.get(word) or "") for word in ("name", "kind", "base_url"))
        use = _alike(there, name, kind, url)
        if pk := chosen.get(name):
            use = next((row for row in there if row.pk == pk), None)
            if use is None:
                errors[f"connections.{at}"] = [no_such("connection")]
        found.append(Needed(at, name, kind, url, use))
    unknown = chosen.keys() - {each.name for each in found}
    errors |= {f"connections.{name[:80]}": ["The file names no such connection."] for name in unknown}
    if errors:
        raise Invalid(errors)
    return found


def _alike(there: list[Connection], name: str, kind: str, url: str) -> Connection | None:
    """Give the team's connection that leads to the same place, rather one of the same name."""
    same = [row for row in there if (row.kind, row.base_url) == (kind, url)]
    return next((row for row in same if row.name == name), None) or next(iter(same), None)


@transaction.atomic
def import_document(
    by: Membership, document: Document, connections: list[Needed], *, note: str = "From a file"
) -> list[Made]:
    """Make all that a document tells, and give it in that order; a name or slug that is taken gets a number.

    Raises Invalid with messages by place in the file, and then makes nothing.
    """
    require_editor(by)
    open_ones = [each for each in connections if each.use is None]
    if open_ones:
        raise Invalid({f"connections.{each.at}": [NOT_CHOSEN] for each in open_ones})
    ids = {("connections", each.name): each.use.pk for each in connections if each.use}
    task = _Import(by, note, ids)
    for at, given in enumerate(document["pools"]):
        _make(task, "pools", at, given, lambda data: save_pool(by, _of_pool(task, data), note=note))
    for at, given in enumerate(document["judges"]):
        _make(task, "judges", at, given, lambda data: save_judge(by, _with(task, data, _OF_JUDGE), note=note))
    for at, given in enumerate(document["presets"]):
        _make(
            task, "presets", at, given, lambda data: save_preset(by, _with(task, data, _OF_PRESET), note=note)
        )
    if task.errors:
        raise Invalid(task.errors)
    return task.made


def rehearsed_import(by: Membership, document: Document, connections: list[Needed]) -> list[Made]:
    """Give what `import_document` would make, and make nothing; what it would raise is raised.

    Where a connection has still to be chosen, any of the team stands in for as long as this takes.
    """
    some = Connection.objects.filter(team=by.team_id).first()
    stood_in = [
        Needed(each.at, each.name, each.kind, each.base_url, each.use or some) for each in connections
    ]
    with transaction.atomic():
        made = import_document(by, document, stood_in)
        transaction.set_rollback(True)
    return made


_OF_JUDGE = dict.fromkeys(OF_JUDGE, "connections")
_OF_PRESET = {"pool": "pools", "judge": "judges"}
_MODELS: dict[str, type[Named]] = {"pools": Pool, "judges": Judge, "presets": Preset}


def _make(task: _Import, kind: str, at: int, given: Plain, save: Callable[[Plain], Named]) -> None:
    """Make one thing, or note what is wrong with it at its place."""
    was = str(given["name"]).strip()
    data = {**given, "name": _free_name(task, kind, was)}
    slug = data.get("slug")
    if kind == "presets" and isinstance(slug, str):
        data["slug"] = _free_slug(task, slug)
    if missing := _unmade(task, kind, data):
        # What it refers to could not be made, which is said there.
        assert task.errors, missing
        return
    try:
        row = save(data)
    except Invalid as invalid:
        task.errors |= {f"{kind}.{at}.{path}": said for path, said in invalid.fields.items()}
        return
    task.ids[kind, str(given["name"])] = row.pk
    new_slug = row.slug if isinstance(row, Preset) else ""
    task.made.append(Made(kind, row, was, str(slug) if slug and slug != new_slug else ""))


def _unmade(task: _Import, kind: str, data: Plain) -> list[str]:
    if kind != "presets":
        return []
    return [word for word, of in _OF_PRESET.items() if data.get(word) and (of, data[word]) not in task.ids]


def _of_pool(task: _Import, data: Plain) -> Plain:
    members = data.get("members")
    if not isinstance(members, list):
        return data
    told = [
        _with(task, each, {"connection": "connections"}) if isinstance(each, dict) else each
        for each in members
    ]
    return {**data, "members": told}


def _with(task: _Import, data: Plain, references: Mapping[str, str]) -> Plain:
    """Put ids where the file has names."""
    ids = {word: task.ids[of, data[word]] for word, of in references.items() if data.get(word) is not None}
    return {**data, **ids}


def _free_name(task: _Import, kind: str, name: str) -> str:
    taken = _taken(task, kind, "name")
    return name if name not in taken else free_name(name[: LONGEST_NAME - 5].rstrip(), taken)


def _free_slug(task: _Import, slug: str) -> str:
    """Give a slug that is free; one that is no slug at all stays, to be complained of."""
    taken = _taken(task, "presets", "slug")
    return slug_for(slug, taken) if slug in taken else slug


def _taken(task: _Import, kind: str, column: str) -> set[Any]:
    return set(_MODELS[kind]._default_manager.filter(team=task.by.team_id).values_list(column, flat=True))
