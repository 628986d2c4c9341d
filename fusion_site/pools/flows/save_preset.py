"""A preset is made, or changed."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from fusion_site.accounts.models import Membership
from fusion_site.pools.flows.keep_version import begun, keep_version
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Judge, Mode, Pool, Preset
from fusion_site.pools.naming import LONGEST_NAME, TAKEN, read_slug, slug_for
from fusion_site.pools.plain import plain_preset
from fusion_site.pools.prompting import fault_in
from fusion_site.pools.reading import Given, Reading
from fusion_site.pools.rights import require_editor

_FIELDS = [
    "name",
    "slug",
    "pool",
    "judge",
    "mode",
    "quorum",
    "grace",
    "deadline_s",
    "debate_rounds",
    "budget_usd",
    "do_no_harm",
    "guided",
    "template",
]


@transaction.atomic
def save_preset(by: Membership, given: Given, row: Preset | None = None, *, note: str = "") -> Preset:
    """Store a new preset, or the given fields of `row`, and give it; raises Invalid and then changes nothing.

    Fields are those of `plain_preset`. Without a slug one is made from the name; it is unique in the team.
    """
    require_editor(by)
    preset = begun(by, Preset, row)
    is_new = preset._state.adding
    wanted = _read(preset, given if is_new else {**plain_preset(preset), **given})
    for field, value in wanted.items():
        setattr(preset, field, value)
    try:
        with transaction.atomic():
            preset.save()
    except IntegrityError as error:
        if "slug" not in str(error):
            raise
        raise Invalid({"slug": [TAKEN]}) from None
    keep_version(by.user, preset, note)
    return preset


def _read(preset: Preset, given: Given) -> dict[str, Any]:
    reading = Reading(given)
    reading.only(_FIELDS)
    team = preset.team
    others = Preset.objects.filter(team=team).exclude(pk=preset.pk)
    taken = set(others.values_list("slug", flat=True))
    name = reading.line("name", longest=LONGEST_NAME, required=True)
    wanted = {
        "name": name,
        "slug": read_slug(reading, "slug", taken) or slug_for(name, taken),
        "pool": reading.row("pool", Pool.objects.filter(team=team), "pool", required=True),
        "judge": reading.row("judge", Judge.objects.filter(team=team), "judge", required=True),
        "mode": reading.choice("mode", list(Mode.values), default=Mode.MERGE),
        "template": _template(reading),
        **_limits(reading),
    }
    _check_quorum(reading, wanted["quorum"], wanted["pool"])
    reading.finish()
    return wanted


def _limits(reading: Reading) -> dict[str, Any]:
    return {
        "quorum": reading.whole("quorum", low=1, high=8),
        "grace": reading.number("grace", low=1, high=100, default=2.0),
        "deadline_s": reading.number("deadline_s", low=5, high=3600, default=300.0),
        "debate_rounds": reading.whole("debate_rounds", low=1, high=2, default=1),
        "budget_usd": reading.money("budget_usd"),
        "do_no_harm": reading.flag("do_no_harm", default=False),
        "guided": reading.flag("guided", default=False),
    }


def _check_quorum(reading: Reading, quorum: int | None, pool: Pool | None) -> None:
    if quorum is not None and pool is not None and quorum > (members := pool.members.count()):
        reading.wrong("quorum", f"The pool “{pool.name}” has only {members} member{'s' * (members != 1)}.")


def _template(reading: Reading) -> str:
    template = reading.text("template", longest=20_000)
    if fault := fault_in(template):
        reading.wrong("template", fault)
    return template
