"""What the page of the Compact host shows, put together for one viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.compact.figures import Rate
from fusion_site.compact.files.shelf import Kept, Part
from fusion_site.compact.status import CompactStatus
from fusion_site.pages.charts import Bars, bars
from fusion_site.pools import compact_files, compact_host
from fusion_site.pools.catalogue import offered
from fusion_site.pools.compact_choice import chosen, hosted_file, is_open_to
from fusion_site.pools.models import CompactHost, Connection, Judge, Kind, Pool

NOW_S = 15.0
PER_MINUTE = 12


@dataclass(frozen=True)
class Minute:
    """Mean tokens a second over one minute, `ago` minutes ago."""

    ago: int
    written: float
    read: float


@dataclass(frozen=True)
class HostView:
    """The host as of now: its status, how fast it writes, and that over the last minutes as a chart and as a table."""

    status: CompactStatus
    runs_here: bool
    now: float
    chart: Bars
    minutes: list[Minute]

    @property
    def has_written(self) -> bool:
        """Whether there is anything to be seen on the chart."""
        return any(minute.written for minute in self.minutes)

    @property
    def hosting(self) -> str:
        """What its files' list depends on: which file is hosted, and which is about to be."""
        file = self.status.file
        return f"{file.name if file else ''}/{self.status.incoming or ''}"


def host_view() -> HostView:
    """Give the host as of now."""
    rates = compact_host.rates()
    latest = [rate.written for rate in rates if rate.ago_s < NOW_S]
    return HostView(
        status=compact_host.status(),
        runs_here=compact_host.supervisor() is not None,
        now=sum(latest) / len(latest) if latest else 0.0,
        chart=bars([rate.written for rate in rates]),
        minutes=_minutes(rates),
    )


def _minutes(rates: Sequence[Rate]) -> list[Minute]:
    """Give the newest minute first."""
    newest_first = list(reversed(rates))
    spans = [newest_first[at : at + PER_MINUTE] for at in range(0, len(newest_first), PER_MINUTE)]
    return [
        Minute(ago, sum(r.written for r in span) / len(span), sum(r.read for r in span) / len(span))
        for ago, span in enumerate(spans)
    ]


@dataclass(frozen=True)
class Access:
    """Who may use the host: everyone, or the teams that are ticked among all."""

    row: CompactHost
    teams: list[tuple[Team, bool]]

    @property
    def idle_min(self) -> int:
        """After how many minutes it is unloaded."""
        return self.row.idle_s // 60


def access() -> Access:
    """Give who may use the host, for its owner."""
    row = chosen()
    ticked = set(row.teams.values_list("pk", flat=True)) if row.pk and not row._state.adding else set()
    return Access(row, [(team, team.pk in ticked) for team in Team.objects.order_by("name")])


@dataclass(frozen=True)
class Files:
    """The files that are kept here, each with whether it is the one that is hosted, and what came of others before a cut.

    `named` counts the pools and judges, of all teams, that ask for the model in service by its name.
    """

    kept: list[tuple[Kept, bool]]
    parts: list[Part]
    named: int


def files(status: CompactStatus) -> Files:
    """Give the files of this machine. What is being fetched just now is told of where the fetch is."""
    shelf, errands = compact_files.shelf(), compact_host.errands()
    running = errands.newest if errands is not None else None
    fetched = running.offer.name if running is not None and running.state == "running" else None
    return Files(
        [(kept, kept.path == status.file) for kept in shelf.kept()],
        [part for part in shelf.parts() if part.name != fetched],
        _naming(status.model_id) if status.model_id else 0,
    )


def _naming(model: str) -> int:
    here = Connection.objects.filter(kind=Kind.COMPACT, base_url="")
    pools = Pool.objects.filter(members__connection__in=here, members__model=model).distinct()
    return pools.count() + Judge.objects.filter(connection__in=here, model=model).count()


def found(name: str) -> Kept | Part | None:
    """Give what is here of a file of that name: all, a part or nothing."""
    shelf = compact_files.shelf()
    return shelf.find(name) or next((part for part in shelf.parts() if part.name == name), None)


@dataclass(frozen=True)
class SetTemplate:
    """The chat template that was set for a file, empty if it has its own; of which file, and whether that is in service."""

    text: str = ""
    file: str = ""
    is_in_service: bool = False


def set_template(status: CompactStatus) -> SetTemplate:
    """Give what was set for the chosen file, which may still be on its way into service."""
    file = hosted_file()
    if file is None:
        return SetTemplate()
    return SetTemplate(compact_files.templates().text(file), file.name, file == status.file)


def own_connection(place: Membership) -> Connection | None:
    """Give the team's way to the host, where it may use it."""
    if not is_open_to(place.team_id):
        return None
    return Connection.objects.filter(team=place.team_id, kind=Kind.COMPACT, base_url="").first()


def model_of(connection: Connection) -> str:
    """Give the name under which the hosted model is asked now; empty while none is known."""
    file = compact_host.status().file
    heard = offered(connection).values_list("model", flat=True).first()
    return file.stem if file is not None else heard or ""


def may_operate(user: User) -> bool:
    """Whether this person decides what the site hosts."""
    return user.is_site_owner
