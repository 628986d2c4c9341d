"""The settings of one run, copied from the rows when it is accepted: what is changed later changes no run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.conf import settings as site
from django.db.models import Q

from fusion_site.engine import settings as engine
from fusion_site.engine.asking import Message, ModelRef
from fusion_site.pools.models import CatalogueModel, Connection, Judge, Kind, PoolMember, Preset
from fusion_site.pools.sampling import sampling_of


def freeze(
    preset: Preset,
    messages: Sequence[Message],
    *,
    mode: engine.Mode | None = None,
    guided: bool | None = None,
    seed: int,
) -> engine.FusionSettings:
    """Give all that one run of `preset` uses; `messages` ends with the user's turn.

    `mode` and `guided` take the place of the preset's where they are given.

    Reads the pool, its members, the judge and what the catalogue says of the judge's context length.
    """
    return engine.FusionSettings(
        mode=mode or engine.Mode(preset.mode),
        members=_members(preset.pool.members.all()),
        judge=_judge(preset.judge),
        messages=tuple(messages),
        quorum=preset.quorum,
        grace=preset.grace,
        deadline_s=preset.deadline_s,
        debate_rounds=preset.debate_rounds,
        budget_usd=preset.budget_usd,
        do_no_harm=preset.do_no_harm,
        seed=seed,
        zero_retention=preset.pool.zero_retention,
        guided=preset.guided if guided is None else guided,
        guided_s=site.FUSION_GUIDED_S,
    )


def freeze_member(row: PoolMember, index: int) -> engine.Member:
    """Give one place in a pool as a run knows it, under this index."""
    return engine.Member(
        index=index,
        label=label_of(row),
        model=ModelRef(row.connection_id, row.model),
        system=row.system,
        aspect=row.aspect,
        required=row.required,
        deadline_s=row.deadline_s,
        sampling=sampling_of(row.params),
    )


def label_of(member: PoolMember) -> str:
    """Give what a member is called on pages: its own label, else the last part of its model's id."""
    return member.label or member.model.rstrip("/").rsplit("/", 1)[-1][:80] or member.model[:80]


def _members(rows: Iterable[PoolMember]) -> tuple[engine.Member, ...]:
    return tuple(_told_apart([freeze_member(row, index) for index, row in enumerate(rows)]))


def _told_apart(members: list[engine.Member]) -> list[engine.Member]:
    """Number the labels that several members would share, in pool order: `Opus 1`, `Opus 2`."""
    labels = [member.label for member in members]
    seen: dict[str, int] = {}
    found = []
    for member in members:
        seen[member.label] = seen.get(member.label, 0) + 1
        shared = labels.count(member.label) > 1
        label = f"{member.label[:77]} {seen[member.label]}" if shared else member.label
        found.append(replace(member, label=label))
    return found


def _judge(row: Judge) -> engine.Judge:
    own = tuple(engine.Criterion(**criterion) for criterion in row.criteria)
    window, fallback_window, second_window = _windows(
        (row.connection, row.model),
        (row.fallback_connection, row.fallback_model),
        (row.second_connection, row.second_model),
    )
    return engine.Judge(
        name=row.name,
        model=ModelRef(row.connection_id, row.model),
        fallback=_ref(row.fallback_connection_id, row.fallback_model),
        criteria=own or engine.DEFAULT_CRITERIA,
        instructions=row.instructions,
        swap_check=row.swap_check,
        window=window,
        fallback_window=fallback_window,
        second=_ref(row.second_connection_id, row.second_model),
        second_window=second_window,
        reads_ahead=row.connection.kind == Kind.COMPACT,
    )


def _ref(connection: str | None, model: str) -> ModelRef | None:
    return ModelRef(connection, model) if connection and model else None


def _windows(*models: tuple[Connection | None, str]) -> list[int | None]:
    """Give each model's context length in tokens, where its connection has told it.

    The Compact host offers one model, which goes by its own name and by its file's.
    """
    offered = CatalogueModel.objects.filter(connection__in=[c for c, _ in models if c])
    known = {(row.connection_id, row.model): row.context_length for row in offered.filter(_any_of(models))}
    hosted = {connection: length for (connection, _), length in reversed(known.items())}
    return [
        None if c is None else hosted.get(c.pk) if c.kind == Kind.COMPACT else known.get((c.pk, model))
        for c, model in models
    ]


def _any_of(models: Iterable[tuple[Connection | None, str]]) -> Q:
    named = Q(model__in=[model for _, model in models])
    return named | Q(connection__kind=Kind.COMPACT)
