"""Versions are not kept without end: old ones go, but for those that a run was made from."""

from __future__ import annotations

import pytest

from fusion_site.accounts.models import Membership
from fusion_site.pools.flows import trim_versions as pools_side
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.models import Judge, Version
from fusion_site.runs.flows.trim_versions import trim_versions
from fusion_site.runs.today import today_of
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, work
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)


def numbers(thing: str) -> list[int]:
    """Give the numbers of a thing's versions, the newest first."""
    return list(Version.objects.filter(thing=thing).order_by("-number").values_list("number", flat=True))


def test_of_old_versions_those_stay_that_a_run_was_made_from(
    desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools_side, "MOST_KEPT", 3)
    all_answer(upstream)
    place = Membership.objects.select_related("team", "user").get(user=desk.person, team=desk.team)
    judge = Judge.objects.get(pk=desk.preset.judge_id)
    runs = {}
    for count in range(1, 11):
        save_judge(place, {"instructions": f"Attempt {count}."}, judge)
        save_preset(place, {"template": f"Attempt {count}: {{{{prompt}}}}"}, desk.preset)
        desk.preset.refresh_from_db()
        if count in {2, 5}:
            runs[count] = work(desk.start())
    pins = {noun: {run.pinned[noun]["version"] for run in runs.values()} for noun in ("preset", "judge")}
    before = {thing: numbers(thing) for thing in (judge.pk, desk.preset.pk)}
    assert trim_versions() > 0
    for noun, thing in (("preset", desk.preset.pk), ("judge", judge.pk)):
        assert set(numbers(thing)) == {*before[thing][:3], *pins[noun]}, noun
    assert trim_versions() == 0
    assert today_of(runs[2]) is not None


def test_few_enough_versions_all_stay(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Membership.objects.select_related("team", "user").get(user=desk.person, team=desk.team)
    for count in range(5):
        save_preset(place, {"template": f"Attempt {count}: {{{{prompt}}}}"}, desk.preset)
    before = numbers(desk.preset.pk)
    monkeypatch.setattr(pools_side, "MOST_KEPT", len(before))
    assert trim_versions() == 0
    assert numbers(desk.preset.pk) == before
