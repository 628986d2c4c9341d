"""What a team has before anybody made anything: the site's own hosts as connections, and a set to try them with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import transaction

from fusion_site.accounts.models import Team
from fusion_site.engine.settings import DEFAULT_CRITERIA
from fusion_site.pools.models import Connection, Judge, Kind, Mode, Pool, PoolMember, Preset

_TRIO = (
    ("rehearsal/planner", "Planner", "structure"),
    ("rehearsal/storyteller", "Storyteller", "tone"),
    ("rehearsal/scholar", "Scholar", "facts"),
)
_PRESETS = (
    ("Rehearsal: merge", "rehearsal", Mode.MERGE),
    ("Rehearsal: best of", "rehearsal-best-of", Mode.BEST_OF),
    ("Rehearsal: debate", "rehearsal-debate", Mode.DEBATE),
)


def on_team_created(sender: object, team: Team, **_: Any) -> None:
    """Give a new team its connections and its starter set, in the transaction that makes the team."""
    give_starter_set(team)


@transaction.atomic
def give_starter_set(team: Team) -> None:
    """Store the team's local connections and, over the rehearsal models, a pool, a judge and a preset per mode."""
    made = _connect(team)
    if Kind.REHEARSAL in made:
        _give_rehearsal_set(team, made[Kind.REHEARSAL])


def ensure_local_connections() -> None:
    """Give every team the connections to this machine's own hosts that it lacks; for the start of the site."""
    for team in Team.objects.all():
        _connect(team)


def _connect(team: Team) -> dict[Kind, Connection]:
    hosts = {Kind.REHEARSAL: "Rehearsal"} if settings.FUSION_REHEARSAL else {}
    if settings.FUSION_COMPACT_MODEL:
        hosts[Kind.COMPACT] = "Compact"
    return {
        kind: Connection.objects.get_or_create(team=team, kind=kind, base_url="", defaults={"name": name})[0]
        for kind, name in hosts.items()
    }


def _give_rehearsal_set(team: Team, connection: Connection) -> None:
    pool = Pool.objects.create(team=team, name="Rehearsal trio")
    PoolMember.objects.bulk_create(
        PoolMember(
            pool=pool, position=position, connection=connection, model=model, label=label, aspect=aspect
        )
        for position, (model, label, aspect) in enumerate(_TRIO)
    )
    judge = Judge.objects.create(
        team=team,
        name="Rehearsal judge",
        connection=connection,
        model="rehearsal/judge",
        criteria=[asdict(criterion) for criterion in DEFAULT_CRITERIA],
    )
    for name, slug, mode in _PRESETS:
        Preset.objects.create(team=team, name=name, slug=slug, mode=mode, pool=pool, judge=judge)
