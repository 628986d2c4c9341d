"""Something is made again as it was at one of its versions; what was deleted comes back under its own id."""

from __future__ import annotations

from django.db import transaction

from fusion_site.accounts.models import Membership
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset, Version
from fusion_site.pools.plain import Plain
from fusion_site.pools.rights import require_editor
from fusion_site.pools.signals import came_back

MODELS: dict[str, type[Named]] = {
    "connection": Connection,
    "pool": Pool,
    "judge": Judge,
    "preset": Preset,
}


@transaction.atomic
def restore(by: Membership, version: Version) -> Named:
    """Save the thing as it was at that version, which makes a new one, and give it.

    Raises Invalid, with messages by field, where that cannot be now: what it referred to is gone, its slug is taken. A
    connection that led elsewhere then needs its key typed again, and so does one that was deleted too long ago: keys are
    in no version but for a while in the last one of what was deleted.
    """
    require_editor(by)
    assert version.team_id == by.team_id
    model = MODELS[version.kind]
    row = model._default_manager.filter(pk=version.thing, team=by.team_id).first()
    note = f"Back to version {version.number}" if row else "Back from having been deleted"
    if row is None:
        row = model(team=by.team)
        row.pk = version.thing
    was_deleted = row._state.adding
    saved = _saved(by, row, draft_from(version), note, had_key="key" in version.data)
    if was_deleted:
        came_back.send(sender=model, row=saved)
    Version.objects.filter(thing=version.thing).exclude(sealed_key="").update(sealed_key="")
    return saved


def draft_from(version: Version) -> Plain:
    """Give a version's data as the flows that save take it."""
    return {field: value for field, value in version.data.items() if field != "key"}


def _saved(by: Membership, row: Named, given: Plain, note: str, *, had_key: bool) -> Named:
    if isinstance(row, Connection):
        return _connection(by, row, given, note, had_key=had_key)
    if isinstance(row, Pool):
        return save_pool(by, given, row, note=note)
    if isinstance(row, Judge):
        return save_judge(by, given, row, note=note)
    assert isinstance(row, Preset)
    return save_preset(by, given, row, note=note)


def _connection(by: Membership, row: Connection, given: Plain, note: str, *, had_key: bool) -> Connection:
    if row._state.adding:
        row.kind = given["kind"]
        _take_back_key(row)
        row.key_lost = had_key and not row.sealed_key
    return save_connection(by, given, row, note=note)


def _take_back_key(row: Connection) -> None:
    """Give a connection that was deleted its key as it was then; saving drops it where it is to lead elsewhere now."""
    end = Version.objects.filter(thing=row.pk, team=row.team_id, is_end=True).order_by("number").last()
    if end is not None and end.sealed_key:
        row.sealed_key, row.key_hint = end.sealed_key, str(end.data["key"]).removeprefix("…")
        row.base_url = end.data["base_url"] or ""
