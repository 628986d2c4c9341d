"""What a thing refers to, and what of another team could stand in for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fusion_site.accounts.models import Team
from fusion_site.pools.flows.keep_version import kind_of, referred
from fusion_site.pools.models import Connection, Named
from fusion_site.pools.plain import plain

COPY = "copy"
_CONNECTIONS = {"connection", "fallback_connection", "second_connection"}


@dataclass(frozen=True)
class Reference:
    """Something that has to be settled: what of the target `may_stand_in`, and what is `usual`: one of these, or COPY.

    A host of the site itself cannot be copied, since each team has its own connection to it; `usual` is then empty where
    the target has none.
    """

    row: Named
    may_stand_in: list[Named]
    usual: str

    @property
    def kind(self) -> str:
        """The word for what it is."""
        return kind_of(self.row)

    @property
    def may_be_copied(self) -> bool:
        """Whether a copy of it may be made in the target."""
        return not is_host(self.row)


def references(row: Named, to: Team) -> list[Reference]:
    """Give all that the row refers to, and what that refers to, each once: what is nearest first."""
    return [_reference(other, to) for other in dict.fromkeys(_all_referred(row))]


def _all_referred(row: Named) -> Iterator[Named]:
    near = referred(row)
    yield from near
    for other in near:
        yield from _all_referred(other)


def _reference(row: Named, to: Team) -> Reference:
    there = list(type(row)._default_manager.filter(team=to))
    if is_host(row):
        there = [other for other in there if is_host(other) and _is_alike(row, other)]
    usual = next((other.pk for other in there if _is_alike(row, other)), "" if is_host(row) else COPY)
    return Reference(row, there, usual)


def is_host(row: Named) -> bool:
    """Whether it is the team's connection to a host that the site itself runs."""
    return isinstance(row, Connection) and row.is_local_host


def _is_alike(row: Named, other: Named) -> bool:
    """Whether one does as well as the other: a connection that leads to the same place, or all the same but for connections."""
    if isinstance(row, Connection) and isinstance(other, Connection):
        return (row.kind, row.base_url) == (other.kind, other.base_url)
    return bool(_without_connections(plain(row)) == _without_connections(plain(other)))


def _without_connections(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _without_connections(value) for name, value in data.items() if name not in _CONNECTIONS}
    return [_without_connections(each) for each in data] if isinstance(data, list) else data
