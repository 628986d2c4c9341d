"""A version is kept of every saved change, in the transaction that makes it: who saved what, and when."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import QuerySet

from fusion_site.accounts.audit import changed, record
from fusion_site.accounts.models import Membership, User
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset, Version
from fusion_site.pools.plain import Plain, plain
from fusion_site.pools.rights import held

N = TypeVar("N", bound=Named)


def begun(by: Membership, model: type[N], row: N | None) -> N:
    """Give the row that a change is to be made to: `row` as it is now, locked, or a new one where it is None or not stored.

    Of one from before versions were kept, the state before the change is kept first. Raises Http404 as `held` does.
    """
    if row is None:
        return model(team=by.team)
    if row._state.adding:
        assert row.team_id == by.team_id
        return row
    found = held(by, row)
    first_version(found)
    return found


def keep_version(by: User | None, row: Named, note: str = "", *, is_end: bool = False) -> None:
    """Keep the row, which its caller has stored and holds, as its newest version; nothing where nothing differs.

    What has a `note` is kept in any case.
    """
    data = version_data(row)
    newest = versions_of(row).first()
    if newest is not None and newest.data == data and not note:
        return
    row.version = (newest.number if newest else 0) + 1
    type(row)._default_manager.filter(pk=row.pk).update(version=row.version)
    kept = as_version(row)
    kept.person, kept.note, kept.is_end, kept.data = by, note, is_end, data
    kept.save()
    _record(by, row, newest, kept)


def _record(by: User | None, row: Named, before: Version | None, kept: Version) -> None:
    """Tell the team's audit trail of it: which fields, not what stands in them, since prompts do."""
    told: list[str] = []
    if before is None or before.is_end:
        done = "created"
    elif kept.is_end:
        done = "deleted"
    else:
        done, told = "changed", changed(before.data, kept.data)
    facts: dict[str, Any] = {"version": kept.number, "fields": told, "note": kept.note}
    facts = {name: value for name, value in facts.items() if value}
    record(row.team_id, f"{kept.kind}.{done}", row, by=by, **facts)


def first_version(row: Named) -> None:
    """Keep a first version of what is from before versions were kept; of two who do it at once, one does."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    if row.version or not rows.filter(version=0).update(version=1):
        row.version = row.version or rows.values_list("version", flat=True).get()
        return
    row.version = 1
    first = as_version(row)
    first.saved_at = row.updated_at
    first.save()


def pinned(row: Named) -> Plain:
    """Give what a run keeps of a row that it is frozen from: `{id, name, version}`."""
    first_version(row)
    return {"id": row.pk, "name": row.name, "version": row.version}


def as_version(row: Named) -> Version:
    """Give the row as the version that it is at, not stored; of one from before versions were kept, its first."""
    return Version(
        team_id=row.team_id,
        kind=kind_of(row),
        thing=row.pk,
        number=row.version or 1,
        data=version_data(row),
        names={other.pk: other.name for other in referred(row)},
    )


def versions_of(row: Named) -> QuerySet[Version]:
    """Give all versions of a row, newest first."""
    return Version.objects.filter(team=row.team_id, kind=kind_of(row), thing=row.pk)


def kind_of(row: Named) -> str:
    """Give the word for what the row is: connection, pool, judge or preset."""
    return row._meta.model_name or ""


def version_data(row: Named) -> Plain:
    """Give the row as versions keep it: plain, and of a key only its hint."""
    hint = row.key_hint if isinstance(row, Connection) else ""
    return {**plain(row), "key": f"…{hint}"} if hint else plain(row)


def referred(row: Named) -> list[Named]:
    """Give what a row refers to, each once: connections of a pool or a judge, pool and judge of a preset."""
    if isinstance(row, Pool):
        found: list[Named | None] = [member.connection for member in row.members.select_related("connection")]
    elif isinstance(row, Judge):
        found = [row.connection, row.fallback_connection, row.second_connection]
    else:
        found = [row.pool, row.judge] if isinstance(row, Preset) else []
    return list({other.pk: other for other in found if other is not None}.values())
