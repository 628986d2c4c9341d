"""Pools, judges and presets are made, changed, copied and deleted."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.flows.delete import delete
from fusion_site.pools.flows.duplicate import duplicate
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.invalid import REQUIRED, InUse, Invalid, no_such
from fusion_site.pools.models import Connection, Judge, Named, Pool, PoolMember, Preset
from fusion_site.pools.plain import plain

Save = Callable[..., Named]


def complaints(save: Save, *arguments: Any) -> dict[str, list[str]]:
    """Give what saving complains of; it must, and it must change nothing."""
    rows = (Pool, PoolMember, Judge, Preset)
    before = [list(model._default_manager.order_by("pk").values()) for model in rows]
    with pytest.raises(Invalid) as caught:
        save(*arguments)
    assert [list(model._default_manager.order_by("pk").values()) for model in rows] == before
    return caught.value.fields


def member(connection: Connection, **fields: object) -> dict[str, object]:
    """Give a member as plain data."""
    return {"connection": connection.pk, "model": "lab/alpha", **fields}


def test_a_pool_reads_back_as_it_was_given(place: Membership, connection: Connection) -> None:
    full = {
        "connection": connection.pk,
        "model": "lab/alpha",
        "label": "Al",
        "system": "Be\nbrief.",
        "aspect": "tone",
        "required": True,
        "deadline_s": 30.0,
        "params": {
            "temperature": 0.5,
            "max_tokens": 100,
            "seed": 7,
            "stop": ["END"],
            "reasoning_effort": "low",
        },
    }
    pool = save_pool(place, {"name": "Pair", "members": [full, member(connection)]})
    kept = plain(Pool.objects.get(pk=pool.pk))
    assert kept["members"][0] == full
    assert kept["members"][1] == {
        **full,
        "label": "",
        "system": "",
        "aspect": "",
        "required": False,
        "deadline_s": None,
        "params": {},
    }


def test_one_model_may_stand_in_a_pool_twice_and_order_is_kept(
    place: Membership, connection: Connection
) -> None:
    names = ["b", "a", "b", "c"]
    pool = save_pool(place, {"name": "Self", "members": [member(connection, model=name) for name in names]})
    assert [row.model for row in pool.members.all()] == names
    save_pool(place, {"members": plain(pool)["members"][::-1]}, pool)
    assert [row.model for row in pool.members.all()] == names[::-1]


@pytest.mark.parametrize("number", [0, 9])
def test_a_pool_has_one_to_eight_members(place: Membership, connection: Connection, number: int) -> None:
    given = {"name": "Many", "members": [member(connection)] * number}
    assert list(complaints(save_pool, place, given)) == ["members"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": ""}, "model"),
        ({"model": "x" * 301}, "model"),
        ({"model": "openrouter/fusion"}, "model"),
        ({"model": "OpenRouter/Fusion-Flash:online"}, "model"),
        ({"connection": None}, "connection"),
        ({"connection": "nothing"}, "connection"),
        ({"connection": 7}, "connection"),
        ({"label": "x" * 81}, "label"),
        ({"system": "x" * 20_001}, "system"),
        ({"deadline_s": 0}, "deadline_s"),
        ({"params": {"temperature": 2.1}}, "params.temperature"),
        ({"params": {"temperature": -0.1}}, "params.temperature"),
        ({"params": {"top_p": 0}}, "params.top_p"),
        ({"params": {"top_k": 1.5}}, "params.top_k"),
        ({"params": {"min_p": 2}}, "params.min_p"),
        ({"params": {"presence_penalty": 3}}, "params.presence_penalty"),
        ({"params": {"frequency_penalty": -3}}, "params.frequency_penalty"),
        ({"params": {"max_tokens": 0}}, "params.max_tokens"),
        ({"params": {"seed": -1}}, "params.seed"),
        ({"params": {"stop": ["a", "b", "c", "d", "e"]}}, "params.stop"),
        ({"params": {"reasoning_effort": "huge"}}, "params.reasoning_effort"),
        ({"params": {"temprature": 1}}, "params.temprature"),
        ({"params": []}, "params"),
        ({"modell": "x"}, "modell"),
    ],
)
def test_what_cannot_stand_in_a_pool(
    place: Membership, connection: Connection, fields: dict[str, object], path: str
) -> None:
    given = {"name": "Bad", "members": [member(connection), {**member(connection), **fields}]}
    assert list(complaints(save_pool, place, given)) == [f"members.1.{path}"]


def test_a_foreign_reference_is_answered_like_an_absent_one(
    place: Membership, charlie: User, pool: Pool, judge: Judge
) -> None:
    theirs = Membership.objects.get(user=charlie)
    foreign = {
        "connection": Connection.objects.filter(team=theirs.team).first(),
        "pool": Pool.objects.filter(team=theirs.team).first(),
        "judge": Judge.objects.filter(team=theirs.team).first(),
    }
    for noun, row in foreign.items():
        assert row is not None
        for pk in (row.pk, "a" * 24):
            given = {"name": "X", "pool": pool.pk, "judge": judge.pk, noun: pk}
            if noun == "connection":
                found = complaints(save_judge, place, {"name": "X", "connection": pk, "model": "m"})
            else:
                found = complaints(save_preset, place, given)
            assert found == {noun: [no_such(noun)]}


def test_a_pool_cannot_shrink_below_the_quorum_of_its_preset(
    place: Membership, connection: Connection, pool: Pool, preset: Preset
) -> None:
    save_preset(place, {"quorum": 2}, preset)
    found = complaints(save_pool, place, {"members": [member(connection)]}, pool)
    assert "Review" in found["members"][0]
    assert save_pool(place, {"name": "Renamed"}, pool).name == "Renamed"


def test_a_judge_reads_back_as_it_was_given(place: Membership, connection: Connection) -> None:
    given = {
        "name": "Strict",
        "connection": connection.pk,
        "model": "lab/judge",
        "fallback_connection": connection.pk,
        "fallback_model": "lab/second",
        "second_connection": connection.pk,
        "second_model": "other/third",
        "criteria": [{"name": "True", "description": "No lies.", "weight": 2.5}],
        "instructions": "For lawyers.",
        "swap_check": False,
    }
    assert plain(Judge.objects.get(pk=save_judge(place, given).pk)) == given


@pytest.mark.parametrize("other", ["fallback", "second"])
def test_another_model_stays_on_the_same_connection_unless_told(
    place: Membership, judge: Judge, other: str
) -> None:
    judge = save_judge(place, {f"{other}_model": "lab/second"}, judge)
    assert getattr(judge, f"{other}_connection_id") == judge.connection_id
    judge = save_judge(place, {f"{other}_model": None}, judge)
    assert getattr(judge, f"{other}_connection_id") is None


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"criteria": [{"name": ""}]}, "criteria.0.name"),
        ({"criteria": [{"name": "A"}, {"name": "a"}]}, "criteria.1.name"),
        ({"criteria": [{"name": "A", "weight": 0}]}, "criteria.0.weight"),
        ({"criteria": [{"name": "A", "weight": "heavy"}]}, "criteria.0.weight"),
        ({"criteria": [{"name": str(n)} for n in range(13)]}, "criteria"),
        ({"model": None}, "model"),
        ({"model": "openrouter/fusion"}, "model"),
        ({"swap_check": "perhaps"}, "swap_check"),
        ({"instructions": "x" * 20_001}, "instructions"),
    ],
)
def test_what_cannot_be_a_judge(
    place: Membership, judge: Judge, fields: dict[str, object], path: str
) -> None:
    assert list(complaints(save_judge, place, fields, judge)) == [path]


@pytest.mark.parametrize("other", ["fallback", "second"])
def test_another_connection_needs_a_model(
    place: Membership, judge: Judge, connection: Connection, other: str
) -> None:
    found = complaints(save_judge, place, {f"{other}_connection": connection.pk}, judge)
    assert list(found) == [f"{other}_model"]


def test_a_preset_has_defaults_for_what_is_null(place: Membership, pool: Pool, judge: Judge) -> None:
    nulls = dict.fromkeys(
        [
            "slug",
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
    )
    preset = save_preset(place, {**nulls, "name": "Änderungen prüfen!", "pool": pool.pk, "judge": judge.pk})
    assert plain(Preset.objects.get(pk=preset.pk)) == {
        "name": "Änderungen prüfen!",
        "slug": "anderungen-prufen",
        "pool": pool.pk,
        "judge": judge.pk,
        "mode": "merge",
        "quorum": None,
        "grace": 2.0,
        "deadline_s": 300.0,
        "debate_rounds": 1,
        "budget_usd": None,
        "do_no_harm": False,
        "guided": False,
        "template": "",
    }


def test_slugs_are_made_free_and_kept(place: Membership, pool: Pool, judge: Judge) -> None:
    given = {"name": "Quick look", "pool": pool.pk, "judge": judge.pk}
    slugs = [save_preset(place, given).slug for _ in range(3)]
    assert slugs == ["quick-look", "quick-look-2", "quick-look-3"]
    assert save_preset(place, {**given, "name": "快"}).slug == "preset"
    assert len(save_preset(place, {**given, "name": "a" * 120}).slug) == 60
    row = Preset.objects.get(slug="quick-look")
    assert save_preset(place, {"name": "Other"}, row).slug == "quick-look"
    assert complaints(save_preset, place, {**given, "slug": "quick-look"}) == {
        "slug": ["Another preset of this team has this slug."]
    }
    assert save_preset(place, {"slug": "quick-look"}, row).slug == "quick-look"


def test_a_slug_that_was_taken_meanwhile_is_a_message_and_no_crash(
    place: Membership, preset: Preset, pool: Pool, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unique index decides between two that looked at the same moment."""
    monkeypatch.setattr("fusion_site.pools.flows.save_preset.read_slug", lambda *_: preset.slug)
    found = complaints(save_preset, place, {"name": "Late", "pool": pool.pk, "judge": judge.pk})
    assert list(found) == ["slug"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": None}, "name"),
        ({"slug": "Two Words"}, "slug"),
        ({"slug": "-x"}, "slug"),
        ({"mode": "vote"}, "mode"),
        ({"quorum": 3}, "quorum"),
        ({"quorum": 0}, "quorum"),
        ({"grace": 0.5}, "grace"),
        ({"deadline_s": 4}, "deadline_s"),
        ({"deadline_s": 3601}, "deadline_s"),
        ({"debate_rounds": 3}, "debate_rounds"),
        ({"debate_rounds": 0}, "debate_rounds"),
        ({"budget_usd": "-0.01"}, "budget_usd"),
        ({"budget_usd": "lots"}, "budget_usd"),
        ({"template": "{{oops"}, "template"),
        ({"pool": None}, "pool"),
    ],
)
def test_what_cannot_be_a_preset(
    place: Membership, preset: Preset, fields: dict[str, object], path: str
) -> None:
    assert list(complaints(save_preset, place, fields, preset)) == [path]


def test_money_is_kept_to_the_millionth(place: Membership, preset: Preset) -> None:
    save_preset(place, {"budget_usd": "0.000001"}, preset)
    kept = Preset.objects.get(pk=preset.pk)
    assert kept.budget_usd == Decimal("0.000001")
    assert plain(kept)["budget_usd"] == "0.000001"
    save_preset(place, {"budget_usd": "100"}, preset)
    assert plain(Preset.objects.get(pk=preset.pk))["budget_usd"] == "100"


def test_missing_fields_are_all_named(place: Membership) -> None:
    assert complaints(save_pool, place, {}) == {
        "name": [REQUIRED],
        "members": ["A pool needs at least one member."],
    }
    assert set(complaints(save_judge, place, {})) == {"name", "connection", "model"}
    assert set(complaints(save_preset, place, {})) == {"name", "pool", "judge"}


def test_copies_have_names_and_lives_of_their_own(
    place: Membership, pool: Pool, judge: Judge, preset: Preset
) -> None:
    saves: list[tuple[Named, Save]] = [(pool, save_pool), (judge, save_judge), (preset, save_preset)]
    for row, save in saves:
        first, second = duplicate(place, row), duplicate(place, row)
        assert first.name == f"{row.name} (copy)"
        assert second.name == f"{row.name} (copy 2)"
        assert duplicate(place, first).name == f"{row.name} (copy 3)"
        save(place, {"name": "Changed"}, first)
        assert type(row)._default_manager.get(pk=row.pk).name == row.name
    assert {**plain(first), "name": "", "slug": ""} == {**plain(preset), "name": "", "slug": ""}
    assert Preset.objects.filter(team=place.team, pool=pool).count() == 4


def test_a_copied_connection_has_no_key(place: Membership, connection: Connection) -> None:
    copy = duplicate(place, connection)
    copy.refresh_from_db()
    assert (copy.sealed_key, copy.key_hint, copy.state) == ("", "", "needs_key")
    assert copy.base_url == connection.base_url
    with pytest.raises(Invalid):
        duplicate(place, Connection.objects.get(team=place.team, kind="rehearsal"))


def test_what_is_used_stays_and_says_by_what(
    place: Membership, connection: Connection, pool: Pool, judge: Judge, preset: Preset
) -> None:
    needed: list[tuple[Named, list[str]]] = [
        (connection, ["pool “Pair”", "judge “Strict”"]),
        (pool, ["preset “Review”"]),
        (judge, ["preset “Review”"]),
    ]
    for row, by in needed:
        with pytest.raises(InUse) as caught:
            delete(place, row)
        assert caught.value.by == by
        row.refresh_from_db()
    in_order: list[Named] = [preset, judge, pool, connection]
    for row in in_order:
        delete(place, row)
        assert not type(row)._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("other", ["fallback", "second"])
def test_another_model_of_a_judge_uses_its_connection_too(
    place: Membership, judge: Judge, other: str
) -> None:
    second = duplicate(place, judge.connection)
    save_judge(place, {f"{other}_connection": second.pk, f"{other}_model": "m"}, judge)
    with pytest.raises(InUse):
        delete(place, second)


def test_viewers_and_strangers_change_nothing(
    team: Team, pool: Pool, judge: Judge, preset: Preset, dave: User, charlie: User
) -> None:
    viewer = Membership.objects.get(user=dave, team=team)
    stranger = Membership.objects.get(user=charlie)
    saves: list[tuple[Named, Save]] = [(pool, save_pool), (judge, save_judge), (preset, save_preset)]
    for row, save in saves:
        for by, refusal in ((viewer, PermissionDenied), (stranger, Http404)):
            with pytest.raises(refusal):
                save(by, {"name": "Mine"}, row)
            with pytest.raises(refusal):
                duplicate(by, row)
            with pytest.raises(refusal):
                delete(by, row)
        row.refresh_from_db()
        assert row.name != "Mine"
