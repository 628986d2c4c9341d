"""What the four kinds of things differ in, as far as their pages are concerned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Prefetch, QuerySet
from django.urls import reverse

from fusion_site.accounts.models import Membership, Team
from fusion_site.engine.settings import DEFAULT_CRITERIA
from fusion_site.pools.compact_choice import usable
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import MAX_CRITERIA, save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.models import (
    MAX_MEMBERS,
    Connection,
    Judge,
    Kind,
    Mode,
    Named,
    Pool,
    PoolMember,
    Preset,
)
from fusion_site.pools.plain import Plain
from fusion_site.pools.reading import Given
from fusion_site.pools.sampling import EFFORTS
from fusion_site.pools.starts import STARTS


@dataclass(frozen=True)
class Rows:
    """A list in a form whose rows are added, removed and moved. `fresh` gives a new row after those that are there."""

    name: str
    most: int
    fresh: Callable[[list[Plain], Team], Plain]


@dataclass(frozen=True)
class Thing:
    """One kind. `plural` names its list's address and its templates' folder; `choices` is what its form needs besides."""

    noun: str
    plural: str
    model: type[Named]
    save: Callable[[Membership, Given, Any], Named]
    listed: Callable[[Team], QuerySet[Any]]
    blank: Callable[[Team], Plain]
    choices: Callable[[Team], dict[str, Any]]
    rows: Rows | None = None

    def list_url(self) -> str:
        """Give the address of the list."""
        return reverse(self.plural)

    def url(self, verb: str, row: Named) -> str:
        """Give the address of `edit`, `duplicate` or `delete` for one of them."""
        return reverse(f"{verb}_{self.noun}", args=[row.pk])


def _connections(team: Team) -> QuerySet[Connection]:
    return Connection.objects.filter(team=team)


def _listed_connections(team: Team) -> QuerySet[Connection]:
    return _connections(team).select_related("team").annotate(offered=Count("catalogue"))


def _listed_pools(team: Team) -> QuerySet[Pool]:
    members = PoolMember.objects.select_related("connection")
    return Pool.objects.filter(team=team).prefetch_related(Prefetch("members", members), "presets")


def _listed_judges(team: Team) -> QuerySet[Judge]:
    return Judge.objects.filter(team=team).select_related("connection").prefetch_related("presets")


def _listed_presets(team: Team) -> QuerySet[Preset]:
    presets = Preset.objects.filter(team=team).select_related("pool", "judge__connection")
    return presets.prefetch_related(
        Prefetch("pool__members", PoolMember.objects.select_related("connection"))
    )


def _first_connection(team: Team) -> str:
    return usable(_connections(team), team).values_list("pk", flat=True).first() or ""


def _fresh_member(members: list[Plain], team: Team) -> Plain:
    """Begin a member on the connection of the one before: pools mostly stay with one."""
    last = members[-1].get("connection") if members else None
    return {"connection": last or _first_connection(team)}


def _fresh_criterion(criteria: list[Plain], team: Team) -> Plain:
    return {"weight": 1.0}


def _blank_connection(team: Team) -> Plain:
    return {"kind": Kind.OPENROUTER.value, "parallel": 8}


def _blank_pool(team: Team) -> Plain:
    return {"members": [_fresh_member([], team), _fresh_member([], team)]}


def _blank_judge(team: Team) -> Plain:
    criteria = [asdict(criterion) for criterion in DEFAULT_CRITERIA]
    return {"connection": _first_connection(team), "criteria": criteria, "swap_check": True}


def _blank_preset(team: Team) -> Plain:
    newest = {
        "pool": Pool.objects.filter(team=team).order_by("-created_at").values_list("pk", flat=True).first(),
        "judge": Judge.objects.filter(team=team).order_by("-created_at").values_list("pk", flat=True).first(),
    }
    return {**newest, "mode": Mode.MERGE.value, "grace": 2.0, "deadline_s": 300.0, "debate_rounds": 1}


def _connection_choices(team: Team) -> dict[str, Any]:
    kinds = [(kind.value, kind.label) for kind in Kind if kind != Kind.REHEARSAL]
    return {"kinds": kinds, "starts": STARTS}


def _model_choices(team: Team) -> dict[str, Any]:
    return {"connections": usable(_connections(team), team), "efforts": EFFORTS, "most": MAX_MEMBERS}


def _preset_choices(team: Team) -> dict[str, Any]:
    return {
        "pools": Pool.objects.filter(team=team).annotate(size=Count("members")).order_by("name"),
        "judges": Judge.objects.filter(team=team),
        "modes": [(mode.value, mode.label, _MODE_WORDS[mode]) for mode in Mode],
    }


_MODE_WORDS = {
    Mode.BEST_OF: "The judge picks the strongest answer; you get it word for word.",
    Mode.MERGE: "The judge compares the answers and writes one that combines what complements.",
    Mode.DEBATE: "Members see each other's answers, challenge them and may revise; then the judge decides.",
}

CONNECTION = Thing(
    noun="connection",
    plural="connections",
    model=Connection,
    save=save_connection,
    listed=_listed_connections,
    blank=_blank_connection,
    choices=_connection_choices,
)
POOL = Thing(
    noun="pool",
    plural="pools",
    model=Pool,
    save=save_pool,
    listed=_listed_pools,
    blank=_blank_pool,
    choices=_model_choices,
    rows=Rows("members", MAX_MEMBERS, _fresh_member),
)
JUDGE = Thing(
    noun="judge",
    plural="judges",
    model=Judge,
    save=save_judge,
    listed=_listed_judges,
    blank=_blank_judge,
    choices=_model_choices,
    rows=Rows("criteria", MAX_CRITERIA, _fresh_criterion),
)
PRESET = Thing(
    noun="preset",
    plural="presets",
    model=Preset,
    save=save_preset,
    listed=_listed_presets,
    blank=_blank_preset,
    choices=_preset_choices,
)
