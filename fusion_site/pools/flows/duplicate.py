"""Something is copied under a name of its own, to be changed without touching the first."""

from __future__ import annotations

from typing import TypeVar

from django.db import transaction

from fusion_site.accounts.models import Membership
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset
from fusion_site.pools.naming import copy_name
from fusion_site.pools.plain import plain
from fusion_site.pools.rights import held, require_editor

N = TypeVar("N", bound=Named)


@transaction.atomic
def duplicate(by: Membership, row: N) -> N:
    """Store a copy of the row and give it.

    A copied connection has no key, since a sealed key opens for one connection only. Raises Invalid for a connection to
    a host of this machine, of which a team has one.
    """
    require_editor(by)
    row = held(by, row)
    taken = set(type(row)._default_manager.filter(team=by.team).values_list("name", flat=True))
    given = {**plain(row), "name": copy_name(row.name, taken)}
    copy: Named
    if isinstance(row, Connection):
        copy = _copied_connection(by, row, given)
    elif isinstance(row, Pool):
        copy = save_pool(by, given)
    elif isinstance(row, Judge):
        copy = save_judge(by, given)
    elif isinstance(row, Preset):
        copy = save_preset(by, {**given, "slug": None})
    assert isinstance(copy, type(row))
    return copy


def _copied_connection(by: Membership, row: Connection, given: dict[str, object]) -> Connection:
    if row.is_local_host:
        raise Invalid({"kind": ["A team has one connection to each host of this machine."]})
    copy = save_connection(by, given)
    if row.sealed_key or row.key_lost:
        copy.key_lost = True
        copy.save(update_fields=["key_lost"])
    return copy
