"""The settings of one run, copied from the rows when it is accepted: what is changed later changes no run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from types import MappingProxyType
from typing import Any

from django.conf import settings as site
from django.db.models import Q

from fusion_site.engine import settings as engine
from fusion_site.engine.asking import Message, ModelRef
from fusion_site.pools.ad_hoc import AdHoc
from fusion_site.pools.models import CatalogueModel, Connection, Judge, Kind, PoolMember, Preset
from fusion_site.pools.sampling import sampling_of

# Context lengths in tokens; None is unknown.
Windows = Mapping[ModelRef, int | None]
# Who may be asked: the connection and the model's id.
Asked = tuple[Connection, str]


def freeze(
    preset: Preset,
    messages: Sequence[Message],
    *,
    mode: engine.Mode | None = None,
    guided: bool | None = None,
    params: Mapping[str, Any] | None = None,
    judge: Judge | None = None,
    without: Collection[str] = (),
    seed: int,
) -> engine.FusionSettings:
    """Give all that one run of `preset` uses; `messages` ends with the user's turn.

    `mode` and `guided` take the place of the preset's where they are given, and `params` that of every member's sampling
    settings of the same names; its `max_tokens` bounds a merged answer, too. A `judge` takes the place of the preset's, and the
    members whose rows' ids are in `without` are not asked; the others keep their places.

    Reads the pool, its members, the judge and what the catalogue says of their context lengths.
    """
    rows = list(preset.pool.members.select_related("connection"))
    asking = _Asking(rows, judge or preset.judge, preset.pool.zero_retention, params or {})
    settings = asking.settings(preset, messages, guided=guided, seed=seed)
    kept = [m for row, m in zip(rows, settings.members, strict=True) if str(row.pk) not in without]
    return replace(settings, mode=mode or settings.mode, members=tuple(kept))


def freeze_ad_hoc(
    ad_hoc: AdHoc, messages: Sequence[Message], *, params: Mapping[str, Any] | None = None, seed: int
) -> engine.FusionSettings:
    """Give all that one run of models without a preset uses: they are merged, within the limits of a preset that sets none.

    `params` are as `freeze` has them. Reads what the catalogue says of context lengths.
    """
    asking = _Asking(ad_hoc.member_rows, ad_hoc.judge_row, zero_retention=False, params=params or {})
    return asking.settings(Preset(mode=engine.Mode.MERGE), messages, guided=False, seed=seed)


@dataclass(frozen=True)
class _Asking:
    """Who is asked in a run, as rows that need not be stored, and the sampling settings that hold for all members."""

    rows: Sequence[PoolMember]
    judge: Judge
    zero_retention: bool
    params: Mapping[str, Any]

    def settings(
        self, limits: Preset, messages: Sequence[Message], *, guided: bool | None, seed: int
    ) -> engine.FusionSettings:
        """Give the settings of a run of these, within the limits that the preset sets; its own pool and judge are not read."""
        windows = windows_of([*((row.connection, row.model) for row in self.rows), *_asked(self.judge)])
        return engine.FusionSettings(
            mode=engine.Mode(limits.mode),
            members=_members(self.rows, windows, self.params),
            judge=_judge(self.judge, windows),
            messages=tuple(messages),
            quorum=limits.quorum,
            grace=limits.grace,
            deadline_s=limits.deadline_s,
            debate_rounds=limits.debate_rounds,
            budget_usd=limits.budget_usd,
            do_no_harm=limits.do_no_harm,
            seed=seed,
            zero_retention=self.zero_retention,
            guided=limits.guided if guided is None else guided,
            guided_s=site.FUSION_GUIDED_S,
            reply_tokens=self.params.get("max_tokens"),
        )


def freeze_member(
    row: PoolMember, index: int, windows: Windows, params: Mapping[str, Any] = MappingProxyType({})
) -> engine.Member:
    """Give one place in a pool as a run knows it, under this index; `params` are sampling settings of this run alone."""
    model = ModelRef(row.connection_id, row.model)
    return engine.Member(
        index=index,
        label=label_of(row),
        model=model,
        system=row.system,
        aspect=row.aspect,
        required=row.required,
        deadline_s=row.deadline_s,
        sampling=sampling_of({**row.params, **params}),
        window=windows.get(model),
    )


def label_of(member: PoolMember) -> str:
    """Give what a member is called on pages: its own label, else the last part of its model's id."""
    return member.label or member.model.rstrip("/").rsplit("/", 1)[-1][:80] or member.model[:80]


def _members(
    rows: Iterable[PoolMember], windows: Windows, params: Mapping[str, Any]
) -> tuple[engine.Member, ...]:
    return tuple(_told_apart([freeze_member(row, index, windows, params) for index, row in enumerate(rows)]))


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


def _judge(row: Judge, windows: Windows) -> engine.Judge:
    own = tuple(engine.Criterion(**criterion) for criterion in row.criteria)
    model = ModelRef(row.connection_id, row.model)
    fallback = _ref(row.fallback_connection_id, row.fallback_model)
    second = _ref(row.second_connection_id, row.second_model)
    return engine.Judge(
        name=row.name,
        model=model,
        fallback=fallback,
        criteria=own or engine.DEFAULT_CRITERIA,
        instructions=row.instructions,
        swap_check=row.swap_check,
        window=windows.get(model),
        fallback_window=windows.get(fallback) if fallback else None,
        second=second,
        second_window=windows.get(second) if second else None,
        reads_ahead=row.connection.kind == Kind.COMPACT,
    )


def _ref(connection: str | None, model: str) -> ModelRef | None:
    return ModelRef(connection, model) if connection and model else None


def _asked(judge: Judge) -> list[Asked]:
    """Give whom a judge may ask."""
    others = [
        (judge.fallback_connection, judge.fallback_model),
        (judge.second_connection, judge.second_model),
    ]
    return [(judge.connection, judge.model), *((where, model) for where, model in others if where and model)]


def windows_of(asked: Sequence[Asked]) -> dict[ModelRef, int | None]:
    """Give the context lengths of models in tokens, where their connections have told them; None is unknown.

    The Compact host offers one model, which goes by its own name and by its file's.
    """
    wanted = reduce(or_, (_offered(*each) for each in asked), Q(pk__in=[]))
    told = CatalogueModel.objects.filter(wanted).values_list("connection", "model", "context_length")
    known = {(connection, model): length for connection, model, length in told}
    hosts = {connection: length for (connection, _), length in reversed(known.items())}
    return {
        ModelRef(where.pk, model): (
            hosts.get(where.pk) if where.kind == Kind.COMPACT else known.get((where.pk, model))
        )
        for where, model in asked
    }


def _offered(connection: Connection, model: str) -> Q:
    offered = Q(connection=connection)
    return offered if connection.kind == Kind.COMPACT else offered & Q(model=model)
