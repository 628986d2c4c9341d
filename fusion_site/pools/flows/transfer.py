"""Something is copied or moved to another team of the same person, with what it needs there.

A row itself never changes teams. What goes over is made anew there, under its own id and by the flows that save, so that
every rule of the target holds for it; moving then deletes it here, from where it can be had back for a while. Runs stay
where they are, and go on to refer to what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction

from fusion_site.accounts.audit import hold, record
from fusion_site.accounts.models import Membership, Role
from fusion_site.accounts.sealing import SealBroken, SealContext, origin_of, rebound
from fusion_site.pools.equivalents import COPY, Reference, is_host, references
from fusion_site.pools.flows.delete import delete
from fusion_site.pools.flows.keep_version import keep_version, kind_of
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.invalid import Invalid, no_such
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset
from fusion_site.pools.naming import LONGEST_NAME, free_name, slug_for
from fusion_site.pools.plain import Plain, plain
from fusion_site.pools.rights import held, require_editor

SAME_TEAM = "Choose another team than the one it is in."
ONE_HOST = "Each team has its own connection to the hosts that this site runs; this cannot be copied."
NO_HOST = "That team has no connection to this host of the site."
OWNERS_OF_BOTH = "Only who owns both teams may take a key along. Leave it behind, and type it there."
NOT_OPENED = "The key cannot be opened on this site. Leave it behind, and type it there."


@dataclass(frozen=True)
class Wanted:
    """Where something is to go. `settled` says for what it refers to, by id, which row of the target stands in, or COPY.

    What it leaves open is settled as `references` calls usual. With `with_keys` the keys of copied connections go along.
    """

    to: Membership
    settled: Mapping[str, str] = field(default_factory=dict)
    with_keys: bool = False
    moves: bool = False


@transaction.atomic
def transfer(by: Membership, row: Named, wanted: Wanted) -> Named:
    """Make the row in the other team, and give that one; where it moves, delete it here.

    Raises Invalid (at `team`, `with_keys`, `references.<id>`, or a field of the thing), InUse where what moves is still
    needed here, and PermissionDenied for who may not edit in both teams.
    """
    _require_both(by, wanted)
    row = held(by, row)
    if is_host(row):
        raise Invalid({"kind": [ONE_HOST]})
    hold(by.team_id, wanted.to.team_id)
    made = _Carrier(by, wanted, references(row, wanted.to.team)).copy_of(row)
    record(by.team_id, f"{kind_of(row)}.copied", row, by=by, to=wanted.to.team.name)
    if wanted.moves:
        delete(by, row, note=f"Moved to the team “{wanted.to.team.name}”")
    return made


def _require_both(by: Membership, wanted: Wanted) -> None:
    require_editor(by)
    require_editor(wanted.to)
    if wanted.to.user_id != by.user_id:
        raise PermissionDenied("A place in a team is its person's own.")
    if wanted.to.team_id == by.team_id:
        raise Invalid({"team": [SAME_TEAM]})
    if wanted.with_keys and not by.role == wanted.to.role == Role.OWNER:
        raise Invalid({"with_keys": [OWNERS_OF_BOTH]})


class _Carrier:
    """Makes one thing, and what it needs, in the target; each at most once."""

    def __init__(self, by: Membership, wanted: Wanted, refs: list[Reference]) -> None:
        self._by, self._wanted, self._to = by, wanted, wanted.to
        self._refs = {ref.row.pk: ref for ref in refs}
        self._there: dict[str, str] = {}
        if unknown := wanted.settled.keys() - self._refs.keys():
            raise Invalid({f"references.{pk}": [no_such("reference")] for pk in unknown})

    def copy_of(self, row: Named) -> Named:
        """Make the row anew, under a name and a slug that are free there."""
        note = f"{'Moved' if self._wanted.moves else 'Copied'} from the team “{self._by.team.name}”"
        given = {**plain(row), "name": self._free_name(row)}
        if isinstance(row, Connection):
            return self._connection(row, given, note)
        if isinstance(row, Pool):
            members = [{**each, "connection": self._settled(each["connection"])} for each in given["members"]]
            return save_pool(self._to, {**given, "members": members}, note=note)
        if isinstance(row, Judge):
            return save_judge(self._to, self._with(given, *_OF_JUDGE), note=note)
        assert isinstance(row, Preset)
        given["slug"] = slug_for(row.slug, self._taken(Preset, "slug"))
        return save_preset(self._to, self._with(given, "pool", "judge"), note=note)

    def _with(self, given: Plain, *fields: str) -> Plain:
        return {**given, **{name: self._settled(given[name]) for name in fields if given[name]}}

    def _settled(self, pk: str) -> str:
        """Give the id of what stands in for a reference; a copy is made when it is first needed."""
        if pk not in self._there:
            ref = self._refs[pk]
            chosen = self._wanted.settled.get(pk) or ref.usual
            self._there[pk] = self._copied(ref) if chosen == COPY else self._chosen(ref, chosen)
        return self._there[pk]

    def _chosen(self, ref: Reference, chosen: str) -> str:
        if not any(other.pk == chosen for other in ref.may_stand_in):
            said = no_such(ref.kind) if chosen else NO_HOST
            raise Invalid({f"references.{ref.row.pk}": [said]})
        return chosen

    def _copied(self, ref: Reference) -> str:
        if not ref.may_be_copied:
            raise Invalid({f"references.{ref.row.pk}": [ONE_HOST]})
        try:
            return self.copy_of(ref.row).pk
        except Invalid as invalid:
            inner = {path: said for path, said in invalid.fields.items() if path.startswith("references.")}
            said = [text for texts in invalid.fields.values() for text in texts]
            raise Invalid(inner or {f"references.{ref.row.pk}": said}) from None
        except PermissionDenied as denied:
            raise Invalid({f"references.{ref.row.pk}": [str(denied)]}) from None

    def _connection(self, row: Connection, given: Plain, note: str) -> Connection:
        copy = save_connection(self._to, given, note=note)
        if self._wanted.with_keys and row.sealed_key:
            self._take_key(row, copy)
        elif row.sealed_key or row.key_lost:
            copy.key_lost = True
            copy.save(update_fields=["key_lost"])
        return copy

    def _take_key(self, row: Connection, copy: Connection) -> None:
        """Seal the key anew, for the copy: what was sealed for one team opens for no other."""
        contexts = [SealContext(each.pk, each.team_id, origin_of(each.base_url)) for each in (row, copy)]
        try:
            copy.sealed_key = rebound(row.sealed_key, context=contexts[0], to=contexts[1])
        except SealBroken:
            raise Invalid({"with_keys": [NOT_OPENED]}) from None
        copy.key_hint = row.key_hint
        copy.save(update_fields=["sealed_key", "key_hint"])
        keep_version(self._to.user, copy, f"Its key was taken along from the team “{self._by.team.name}”")
        record(row.team_id, "connection.key_copied", row, by=self._by, to=self._to.team.name)
        record(copy.team_id, "connection.key_set", copy, by=self._to)

    def _free_name(self, row: Named) -> str:
        taken = self._taken(type(row), "name")
        return row.name if row.name not in taken else free_name(row.name[: LONGEST_NAME - 5].rstrip(), taken)

    def _taken(self, model: type[Named], field_name: str) -> set[Any]:
        rows = model._default_manager.filter(team=self._to.team_id)
        return set(rows.values_list(field_name, flat=True))


_OF_JUDGE = ("connection", "fallback_connection", "second_connection")
