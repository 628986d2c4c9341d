"""What a run used beside what its preset, pool and judge are now: read before the same is asked again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q

from fusion_site.engine.asking import Message, ModelRef
from fusion_site.engine.settings import FusionSettings, Judge, Member
from fusion_site.pools.differences import Difference, differences
from fusion_site.pools.freezing import freeze
from fusion_site.pools.models import Connection, Preset, Version
from fusion_site.pools.plain import Plain, money_text
from fusion_site.runs.flows.following import preset_after
from fusion_site.runs.frozen import settings_from_json
from fusion_site.runs.models import Run

_PLAIN = ("quorum", "grace", "deadline_s", "debate_rounds", "do_no_harm", "guided", "zero_retention")


@dataclass(frozen=True)
class Today:
    """The run's preset as it is now, how what it would use differs from what the run used, and a mark of exactly that."""

    preset: Preset
    changes: list[Difference]
    seen: str


def today_of(run: Run) -> Today:
    """Give what the run would use if it were asked again now; raises Invalid where its preset is gone."""
    preset, used = preset_after(run), settings_from_json(run.settings)
    now = freeze(preset, used.messages, guided=is_guided(run), seed=0)
    return Today(preset, _changes(run, used, now), seen_of(now))


def is_guided(run: Run) -> bool:
    """Whether it is to be guided again: where the run was, or its preset is today."""
    return bool(run.settings.get("guided")) or (run.preset is not None and run.preset.guided)


def words_of(run: Run) -> tuple[Message, ...]:
    """Give what was asked of the members, as it was sent; of a follow-up without its thread."""
    messages = settings_from_json(run.settings).messages
    return messages[-1:] if run.history else messages


def seen_of(settings: FusionSettings) -> str:
    """Give a mark of all that the settings take from preset, pool and judge: another one where any of it differs."""
    parts = [_plain(settings), _plain_judge(settings.judge)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _changes(run: Run, used: FusionSettings, now: FusionSettings) -> list[Difference]:
    names = _names(run)
    found = differences(_plain(used), _plain(now), names)
    return found + differences(_plain_judge(used.judge), _plain_judge(now.judge), names, "Judge")


def _names(run: Run) -> Mapping[str, str]:
    """Give the names of the connections: as they are now, and of those that are gone as they were."""
    pins = [Q(thing=pin["id"], number=pin["version"]) for pin in run.pinned.values()]
    wanted = pins[0] | pins[1] | pins[2] if pins else Q(pk=None)
    kept = Version.objects.filter(wanted, team=run.team_id).values_list("names", flat=True)
    there = Connection.objects.filter(team=run.team_id).values_list("pk", "name")
    return {key: name for names in kept for key, name in names.items()} | dict(there)


def _plain(settings: FusionSettings) -> Plain:
    return {
        "mode": settings.mode.value,
        "members": [_plain_member(member) for member in settings.members],
        "budget_usd": money_text(settings.budget_usd),
        **{name: getattr(settings, name) for name in _PLAIN},
    }


def _plain_member(member: Member) -> Plain:
    sampling: dict[str, Any] = asdict(member.sampling)
    return {
        "connection": member.model.connection,
        "model": member.model.model,
        "label": member.label,
        "system": member.system,
        "aspect": member.aspect,
        "required": member.required,
        "deadline_s": member.deadline_s,
        "params": {key: list(v) if isinstance(v, tuple) else v for key, v in sampling.items()},
    }


def _plain_judge(judge: Judge) -> Plain:
    return {
        "name": judge.name,
        **_placed("", judge.model),
        **_placed("fallback_", judge.fallback),
        **_placed("second_", judge.second),
        "criteria": [asdict(criterion) for criterion in judge.criteria],
        "instructions": judge.instructions,
        "swap_check": judge.swap_check,
    }


def _placed(prefix: str, model: ModelRef | None) -> Plain:
    connection, name = (model.connection, model.model) if model else (None, None)
    return {f"{prefix}connection": connection, f"{prefix}model": name}
