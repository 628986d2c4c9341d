"""What a team has before anybody made anything: the site's own hosts as connections, and a set to try them with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from fusion_site.accounts.models import Team
from fusion_site.engine.settings import DEFAULT_CRITERIA
from fusion_site.pools.compact_choice import hosted_file, is_open_to
from fusion_site.pools.models import Connection, Judge, Kind, Mode, Pool, PoolMember, Preset
from fusion_site.pools.naming import slug_for

_PLANNER = ("rehearsal/planner", "Planner", "structure")
_STORYTELLER = ("rehearsal/storyteller", "Storyteller", "tone")
_SCHOLAR = ("rehearsal/scholar", "Scholar", "facts")
_JUDGE = "rehearsal/judge"
_PRESETS = (
    ("Rehearsal: merge", "rehearsal", Mode.MERGE),
    ("Rehearsal: best of", "rehearsal-best-of", Mode.BEST_OF),
    ("Rehearsal: debate", "rehearsal-debate", Mode.DEBATE),
)

# A member as (connection, (model, label, aspect)).
_Member = tuple[Connection, tuple[str, str, str]]


def on_team_created(sender: object, team: Team, **_: Any) -> None:
    """Give a new team its starter set, in the transaction that makes the team."""
    give_starter_set(team)


def ensure_local_connections() -> None:
    """Give every team the connections to this machine's own hosts that it lacks, with a set for each; for the site's start."""
    wanted = {Kind.REHEARSAL: settings.FUSION_REHEARSAL, Kind.COMPACT: hosted_file()}
    for kind in (kind for kind, is_wanted in wanted.items() if is_wanted):
        there = Connection.objects.filter(team=OuterRef("pk"), kind=kind, base_url="")
        for team in Team.objects.filter(~Exists(there)):
            give_starter_set(team)


@transaction.atomic
def give_starter_set(team: Team) -> None:
    """Store the local connections that the team lacks, and for each new one a pool, a judge and presets.

    What a team has changed or deleted of its set stays so, as long as it keeps the connection.
    """
    rehearsal = None
    if settings.FUSION_REHEARSAL:
        rehearsal, is_new = _connected(team, Kind.REHEARSAL, "Rehearsal")
        if is_new:
            _give_rehearsal_set(team, rehearsal)
    file = hosted_file()
    if file is not None and is_open_to(team.pk):
        compact, is_new = _connected(team, Kind.COMPACT, "Compact")
        if is_new:
            _give_compact_set(team, compact, file.stem, rehearsal)


def _connected(team: Team, kind: Kind, name: str) -> tuple[Connection, bool]:
    """Give the team's connection to a local host, and whether it is new."""
    return Connection.objects.get_or_create(team=team, kind=kind, base_url="", defaults={"name": name})


def _give_rehearsal_set(team: Team, connection: Connection) -> None:
    pool = _pool(team, "Rehearsal trio", [(connection, each) for each in (_PLANNER, _STORYTELLER, _SCHOLAR)])
    judge = _judge(team, "Rehearsal judge", connection, _JUDGE)
    for name, slug, mode in _PRESETS:
        _preset(team, name, slug, mode=mode, pool=pool, judge=judge)


def _give_compact_set(team: Team, compact: Connection, model: str, rehearsal: Connection | None) -> None:
    """Pair the Compact model, which its host knows by the file's name too, with rehearsal models, or else with itself."""
    own: _Member = (compact, (model, "Compact", ""))
    members = [own, (rehearsal, _PLANNER), (rehearsal, _SCHOLAR)] if rehearsal else [own, own]
    name = "Compact + rehearsal" if rehearsal else "Compact twice"
    fallback = {"fallback_connection": rehearsal, "fallback_model": _JUDGE} if rehearsal else {}
    judge = _judge(team, "Compact judge", compact, model, **fallback)
    _preset(team, name, "compact", mode=Mode.MERGE, pool=_pool(team, name, members), judge=judge)


def _pool(team: Team, name: str, members: Iterable[_Member]) -> Pool:
    pool = Pool.objects.create(team=team, name=name)
    PoolMember.objects.bulk_create(
        PoolMember(
            pool=pool, position=position, connection=connection, model=model, label=label, aspect=aspect
        )
        for position, (connection, (model, label, aspect)) in enumerate(members)
    )
    return pool


def _judge(team: Team, name: str, connection: Connection, model: str, **fallback: Any) -> Judge:
    criteria = [asdict(criterion) for criterion in DEFAULT_CRITERIA]
    return Judge.objects.create(
        team=team, name=name, connection=connection, model=model, criteria=criteria, **fallback
    )


def _preset(team: Team, name: str, slug: str, **fields: Any) -> None:
    taken = set(Preset.objects.filter(team=team).values_list("slug", flat=True))
    Preset.objects.create(team=team, name=name, slug=slug_for(slug, taken), **fields)
