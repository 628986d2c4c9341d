"""What the site's owner has chosen for the Compact host: its file, whether it runs, and which teams may use it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from fusion_site.accounts.models import Team
from fusion_site.pools.models import CompactHost, Connection, Kind

CLOSED = "Your team may not use the Compact model of this site; its owner decides that on the page “Compact”."


def chosen() -> CompactHost:
    """Give the row, or what holds as long as nobody chose anything."""
    return CompactHost.objects.first() or CompactHost()


def hosted_file() -> Path | None:
    """Give the file to host: the one chosen on the page, unless the setting was changed since; None without any."""
    row = chosen()
    if row.file and row.instead_of == set_file():
        return Path(row.file)
    return settings.FUSION_COMPACT_MODEL


def set_file() -> str:
    """Give the file that the setting names, as the row keeps it."""
    return str(settings.FUSION_COMPACT_MODEL or "")


def is_open_to(team_id: str) -> bool:
    """Whether that team may ask the Compact model of this machine."""
    row = chosen()
    return row.open_to_all or row.teams.filter(pk=team_id).exists()


def is_closed(connection: Connection) -> bool:
    """Whether that connection leads to the Compact model of this machine, and its team may not use it."""
    leads_here = connection.kind == Kind.COMPACT and not connection.base_url
    return leads_here and not is_open_to(connection.team_id)


def open_teams() -> QuerySet[Team]:
    """Give the teams that may use it."""
    row = chosen()
    return Team.objects.all() if row.open_to_all else row.teams.all()


def usable(connections: QuerySet[Connection], team: Team) -> QuerySet[Connection]:
    """Give the connections without the Compact model of this machine, where the team may not use it."""
    if is_open_to(team.pk):
        return connections
    return connections.exclude(kind=Kind.COMPACT, base_url="")
