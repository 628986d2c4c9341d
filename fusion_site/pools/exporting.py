"""Pools, judges and presets as a file: one of them with what it refers to, or all of a team."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fusion_site.accounts.models import Team
from fusion_site.pools.file_format import FORMAT, OF_JUDGE, VERSION
from fusion_site.pools.flows.keep_version import referred
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset
from fusion_site.pools.naming import LONGEST_NAME, free_name
from fusion_site.pools.plain import Plain, plain

Document = dict[str, Any]


def exported_team(team: Team) -> Document:
    """Give all pools, judges and presets of a team, by name, with the connections that they use."""
    kept: list[type[Named]] = [Preset, Pool, Judge]
    return exported(row for model in kept for row in model._default_manager.filter(team=team))


def exported(rows: Iterable[Named]) -> Document:
    """Give the rows and all that they refer to as the value of a file; two of one name are told apart by a number."""
    all_rows = _with_references(list(rows))
    names = _names(all_rows)
    document: Document = {"format": FORMAT, "version": VERSION}
    for model, kind in _KINDS.items():
        those = [row for row in all_rows if isinstance(row, model)]
        document[kind] = [_told(row, names) for row in sorted(those, key=lambda row: names[row.pk])]
    return document


_KINDS: dict[type[Named], str] = {
    Connection: "connections",
    Pool: "pools",
    Judge: "judges",
    Preset: "presets",
}


def _with_references(rows: Sequence[Named]) -> list[Named]:
    found = {row.pk: row for row in rows}
    for row in rows:
        for other in referred(row):
            found.setdefault(other.pk, other)
            for further in referred(other):
                found.setdefault(further.pk, further)
    return list(found.values())


def _names(rows: Iterable[Named]) -> dict[str, str]:
    """Give each row the name that it has in the file."""
    names: dict[str, str] = {}
    taken: dict[type[Named], set[str]] = {}
    for row in sorted(rows, key=lambda each: (each.name, each.pk)):
        of_kind = taken.setdefault(type(row), set())
        name = (
            row.name if row.name not in of_kind else free_name(row.name[: LONGEST_NAME - 5].rstrip(), of_kind)
        )
        names[row.pk] = name
        of_kind.add(name)
    return names


def _told(row: Named, names: dict[str, str]) -> Plain:
    if isinstance(row, Connection):
        return {"name": names[row.pk], "kind": row.kind, "base_url": row.base_url or None}
    data = {**plain(row), "name": names[row.pk]}
    if isinstance(row, Pool):
        data["members"] = [{**each, "connection": names[each["connection"]]} for each in data["members"]]
    for field in (*OF_JUDGE, "pool", "judge"):
        if data.get(field):
            data[field] = names[data[field]]
    return data
