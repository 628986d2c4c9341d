"""What the compose page offers: the team's presets, with who is asked, what that costs and takes, and their variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import QueryDict

from fusion_site.accounts.models import Team
from fusion_site.engine.asking import Message, ModelRef
from fusion_site.pages.figures import duration, money, per_million
from fusion_site.pools.estimating import estimate
from fusion_site.pools.freezing import freeze, label_of
from fusion_site.pools.leaving import refusal_of, refused_in
from fusion_site.pools.models import CatalogueModel, Connection, Judge, Kind, PoolMember, Preset
from fusion_site.pools.prompting import variables_in
from fusion_site.runs.history import Usual, usual_of

Row = dict[str, Any]
# Models of this kind read text alone, whatever is asked of them.
_TEXT_ONLY = {Kind.COMPACT, Kind.REHEARSAL}
_STATES = {"needs_key": "needs its key", "failing": "failed its last check"}


def field_name(preset_id: str, variable: str) -> str:
    """Give the name of the field in which a variable of a preset's template is typed."""
    return f"variable-{preset_id}-{variable}"


def given_variables(posted: Mapping[str, Any], preset_id: str) -> dict[str, str]:
    """Give the values that were typed for one preset's variables, by variable."""
    prefix = field_name(preset_id, "")
    return {
        name.removeprefix(prefix): str(value) for name, value in posted.items() if name.startswith(prefix)
    }


def unchecked(posted: QueryDict, kind: str, preset_id: str) -> set[str]:
    """Give the ids of the members whose box of a `kind`, `on` or `send`, was there and was not ticked."""
    there = set(posted.getlist(f"{kind}-there-{preset_id}"))
    return there - set(posted.getlist(f"{kind}-{preset_id}"))


def preset_choices(team: Team, posted: QueryDict, errors: Mapping[str, list[str]]) -> list[Row]:
    """Give the presets with what a person chooses by. What was typed and ticked before stands in them again."""
    rows = list(
        Preset.objects.filter(team=team)
        .select_related(
            "team",
            "pool",
            "judge__connection",
            "judge__fallback_connection",
            "judge__second_connection",
        )
        .prefetch_related("pool__members__connection")
        .order_by("-is_default", "name", "id")
    )
    offered = _offered(member for row in rows for member in row.pool.members.all())
    usual = usual_of(team)
    return [_choice(row, posted, errors, offered, usual.get(row.pk)) for row in rows]


def judge_choices(team: Team) -> list[Row]:
    """Give the judges that may take the place of a preset's own."""
    rows = Judge.objects.filter(team=team).values("pk", "name", "model")
    return [{"id": row["pk"], "name": row["name"], "model": row["model"]} for row in rows]


def _offered(members: Iterable[PoolMember]) -> dict[ModelRef, CatalogueModel]:
    """Give what the connections have told of these models."""
    wanted = {ModelRef(member.connection_id, member.model) for member in members}
    rows = CatalogueModel.objects.filter(
        connection__in={each.connection for each in wanted}, model__in={each.model for each in wanted}
    )
    return {ModelRef(row.connection_id, row.model): row for row in rows}


def _choice(
    row: Preset,
    posted: QueryDict,
    errors: Mapping[str, list[str]],
    offered: Mapping[ModelRef, CatalogueModel],
    usual: Usual | None,
) -> Row:
    members = list(row.pool.members.all())
    off, kept_from = unchecked(posted, "on", row.pk), unchecked(posted, "send", row.pk)
    shown = [_member(row.team, each, offered, off, kept_from) for each in _named(members)]
    return {
        "id": row.pk,
        "name": row.name,
        "mode": row.mode,
        "mode_label": row.get_mode_display(),
        "guided": row.guided,
        "judge": row.judge.name,
        "members": shown,
        "asked": sum(each["is_on"] for each in shown),
        "takes": takes(usual) if usual or not members else _estimated(row),
        "variables": [_variable(row.pk, name, posted, errors) for name in variables_in(row.template)],
        "refused": refused_in(row.team, members, row.judge),
        "rehearsal": row.judge.connection.is_rehearsal or any(m.connection.is_rehearsal for m in members),
    }


def takes(usual: Usual | None) -> list[str]:
    """Say what a preset's runs cost and how long they take, by its own runs; nothing where it has none."""
    if usual is None:
        return []
    known = "free" if usual.cost_usd == 0 else f"usually {money(usual.cost_usd)}"
    cost = "cost unknown" if usual.cost_usd is None else known
    return [cost, "time unknown" if usual.total_ms is None else duration(usual.total_ms)]


def _estimated(row: Preset) -> list[str]:
    """Say the same of a preset that has not been run, by its models' prices; how long it takes nobody knows."""
    found = estimate(freeze(row, (Message("user", row.template),), seed=0))
    low, high = found.low_usd, found.high_usd
    if high is None:
        cost = "cost unknown" if low is None else f"from {money(low)}, at most unknown"
    elif low is None or low == high:
        cost = f"at most {money(high)}" if high else "free"
    else:
        cost = f"{money(low)} to {money(high)}"
    return [cost, "time unknown"]


def _named(members: Sequence[PoolMember]) -> list[tuple[PoolMember, str]]:
    """Give the members with the labels that tell them apart."""
    labels = [label_of(member) for member in members]
    return [
        (each, f"{label} {labels[: place + 1].count(label)}" if labels.count(label) > 1 else label)
        for place, (each, label) in enumerate(zip(members, labels, strict=True))
    ]


def _member(
    team: Team,
    named: tuple[PoolMember, str],
    offered: Mapping[ModelRef, CatalogueModel],
    off: set[str],
    kept_from: set[str],
) -> Row:
    member, label = named
    where, told = member.connection, offered.get(ModelRef(member.connection_id, member.model))
    return {
        "id": str(member.pk),
        "label": label,
        "model": member.model,
        "price": _price(where, told),
        "state": "not allowed by the team" if refusal_of(team, where) else _STATES.get(where.state, ""),
        "sees": False if where.kind in _TEXT_ONLY else told.sees if told else None,
        "is_on": str(member.pk) not in off,
        "is_sent": str(member.pk) not in kept_from,
    }


def _price(where: Connection, told: CatalogueModel | None) -> str:
    if where.is_local_host:
        return "free"
    if told is None or told.prompt_price is None or told.completion_price is None:
        return "price unknown"
    if not told.prompt_price and not told.completion_price and not told.overrides:
        return "free"
    return f"{per_million(told.prompt_price)} in, {per_million(told.completion_price)} out"


def _variable(preset_id: str, name: str, posted: QueryDict, errors: Mapping[str, list[str]]) -> Row:
    typed = str(posted.get(field_name(preset_id, name), ""))
    is_missing = "variables" in errors and posted.get("preset") == preset_id and not typed.strip()
    return {"name": name, "value": typed, "errors": [f"Give a value for {name}."] if is_missing else []}
