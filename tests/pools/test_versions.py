"""Every saved change is kept, can be read, and can be had back; so can what was deleted, for a while."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import AuditEntry, Membership, Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.pools.differences import Difference, differences
from fusion_site.pools.flows.delete import KEPT_FOR, KEYS_KEPT_FOR, delete, forget_deleted
from fusion_site.pools.flows.restore import restore
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.models import Connection, Judge, Pool, Preset, Version
from fusion_site.pools.plain import plain_connection, plain_judge, plain_pool, plain_preset

Call = Callable[..., Any]


@pytest.fixture
def call(bob: User, team: Team) -> Call:
    """Give bob's program: `call("GET", "pools/…")`."""
    return caller_of(bob, team)


def caller_of(user: User, team: Team) -> Call:
    token = make_token(user, team, "t")[1]

    def call(method: str, path: str, body: Any = None) -> Any:
        return Client().generic(
            method,
            f"/api/v1/{path}",
            b"" if body is None else json.dumps(body),
            "application/json",
            HTTP_AUTHORIZATION=f"Bearer {token}",
        )

    return call


def versions_of(row: Any) -> list[Version]:
    """Give a thing's versions, oldest first."""
    return list(Version.objects.filter(thing=row.pk).order_by("number"))


def member(connection: Connection, model: str, **more: Any) -> dict[str, Any]:
    """Give a member as forms and programs do."""
    return {"connection": connection.pk, "model": model, **more}


def test_every_change_of_a_pool_is_kept_with_what_it_changed(
    place: Membership, bob: User, connection: Connection, pool: Pool, call: Call
) -> None:
    changed = [
        member(connection, "lab/beta", label="Second", system="Be brief."),
        member(connection, "lab/delta", params={"temperature": 0.5}),
    ]
    assert call("PATCH", f"pools/{pool.pk}", {"name": "Couple", "members": changed}).status_code == 200
    items = call("GET", f"pools/{pool.pk}/versions").json()["items"]
    assert [(each["number"], each["by"]) for each in items] == [(2, "Bob"), (1, "Alice")]
    assert items[0]["changes"] == [
        {"what": "Name", "was": "Pair", "now": "Couple"},
        {
            "what": "Member “lab/alpha”",
            "was": f"Connection: {connection.name}\nModel: lab/alpha",
            "now": None,
        },
        {"what": "Member “Second”: label", "was": "not set", "now": "Second"},
        {"what": "Member “Second”: system prompt", "was": "not set", "now": "Be brief."},
        {
            "what": "Member “lab/delta”",
            "was": None,
            "now": f"Connection: {connection.name}\nModel: lab/delta\nTemperature: 0.5",
        },
    ]
    one = call("GET", f"pools/{pool.pk}/versions/1").json()
    assert one["data"]["name"] == "Pair"
    assert one["names"] == {connection.pk: connection.name}


def test_what_changes_nothing_is_no_version(place: Membership, pool: Pool) -> None:
    save_pool(place, {"name": pool.name}, pool)
    assert [version.number for version in versions_of(pool)] == [1]


def test_all_four_kinds_go_back_to_what_they_were(
    place: Membership, connection: Connection, pool: Pool, judge: Judge, preset: Preset
) -> None:
    was = [plain_connection(connection), plain_pool(pool), plain_judge(judge), plain_preset(preset)]
    save_connection(place, {"name": "Other", "parallel": 3}, connection)
    save_pool(place, {"members": [member(connection, "x")], "zero_retention": True}, pool)
    save_judge(place, {"criteria": [{"name": "One"}], "instructions": "Look."}, judge)
    save_preset(place, {"slug": "else", "mode": "debate", "budget_usd": "0.5"}, preset)
    for row in (connection, pool, judge, preset):
        restore(place, versions_of(row)[0])
        assert [version.number for version in versions_of(row)] == [1, 2, 3]
        assert versions_of(row)[2].note == "Back to version 1"
        row.refresh_from_db()
    assert [
        plain_connection(connection),
        plain_pool(pool),
        plain_judge(judge),
        plain_preset(preset),
    ] == was
    assert connection.state == "ready"


def test_an_earlier_address_needs_its_key_again_and_no_version_has_a_key(
    place: Membership, connection: Connection
) -> None:
    save_connection(
        place, {"base_url": "https://other.example.com/v1", "api_key": "sk-other-9999"}, connection
    )
    restore(place, versions_of(connection)[0])
    connection.refresh_from_db()
    assert (connection.base_url, connection.state) == ("https://models.example.com/v1", "needs_key")
    kept = str([version.data for version in versions_of(connection)])
    assert "…4242" in kept
    assert "sk-" not in kept


def test_what_cannot_be_as_it_was_is_said_beside_the_field_with_all_of_it_filled_in(
    place: Membership, connection: Connection, pool: Pool, bob: User, client_for: Callable[..., Client]
) -> None:
    spare = save_connection(
        place, {"name": "Spare", "kind": "openai", "base_url": "https://spare.example.com/v1"}
    )
    save_pool(place, {"members": [member(spare, "lab/rare", system="Keep me.")]}, pool)
    save_pool(place, {"members": [member(connection, "lab/alpha")]}, pool)
    delete(place, spare)
    answer = client_for(bob).post(f"/pools/{pool.pk}/history/2/restore/")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "There is no such connection." in page
    assert "Keep me." in page
    assert len(versions_of(pool)) == 3


def test_a_deleted_thing_comes_back_under_its_own_id(
    place: Membership, preset: Preset, bob: User, client_for: Callable[..., Client], call: Call
) -> None:
    was, browser = plain_preset(preset), client_for(bob)
    said = browser.post(f"/presets/{preset.pk}/delete/", follow=True).content.decode()
    assert "Deleted in the last 30 days (1)" in said
    assert call("GET", f"presets/{preset.pk}").status_code == 404
    [gone] = call("GET", "deleted").json()["items"]
    assert (gone["kind"], gone["id"], gone["name"], gone["by"]) == ("preset", preset.pk, "Review", "Bob")
    assert call("POST", f"deleted/{preset.pk}/restore").status_code == 200
    back = Preset.objects.get(pk=preset.pk)
    assert (plain_preset(back), back.version) == (was, 3)
    assert call("GET", "deleted").json()["items"] == []
    browser.post(f"/presets/{preset.pk}/delete/")
    assert browser.post(f"/presets/{preset.pk}/history/1/restore/").status_code == 302
    assert Preset.objects.filter(pk=preset.pk).exists()


def test_a_connection_that_was_deleted_long_ago_comes_back_without_its_key(
    place: Membership, connection: Connection, call: Call
) -> None:
    delete(place, connection)
    forget_deleted(timezone.now() + KEYS_KEPT_FOR + timedelta(minutes=1))
    assert call("POST", f"deleted/{connection.pk}/restore").status_code == 200
    back = call("GET", f"connections/{connection.pk}").json()
    assert (back["name"], back["state"], back["key_hint"]) == ("Hosted", "needs_key", None)


def test_what_was_deleted_long_ago_is_forgotten_and_what_lives_is_not(
    place: Membership, preset: Preset, pool: Pool, call: Call
) -> None:
    delete(place, preset)
    now = timezone.now()
    assert forget_deleted(now + KEPT_FOR - timedelta(minutes=1)) == 0
    assert forget_deleted(now + KEPT_FOR + timedelta(minutes=1)) == 1
    assert versions_of(preset) == []
    assert len(versions_of(pool)) == 1
    assert call("POST", f"deleted/{preset.pk}/restore").status_code == 404


def test_a_thing_from_before_versions_begins_with_how_it_was(
    team: Team, place: Membership, call: Call, bob: User, client_for: Callable[..., Client]
) -> None:
    """The set that each team begins with is made without versions."""
    old = Pool.objects.get(team=team)
    assert old.version == 0
    [first] = call("GET", f"pools/{old.pk}/versions").json()["items"]
    assert (first["number"], first["by"]) == (1, None)
    assert client_for(bob).get(f"/pools/{old.pk}/history/1/").status_code == 200
    save_pool(place, {"name": "Trio"}, old)
    items = call("GET", f"pools/{old.pk}/versions").json()["items"]
    assert [each["number"] for each in items] == [2, 1]
    assert items[0]["changes"] == [{"what": "Name", "was": "Rehearsal trio", "now": "Trio"}]


def test_a_long_history_is_read_a_page_at_a_time(
    place: Membership, pool: Pool, call: Call, bob: User, client_for: Callable[..., Client]
) -> None:
    for number in range(60):
        save_pool(place, {"name": f"Pair {number}"}, pool)
    first = call("GET", f"pools/{pool.pk}/versions").json()
    assert (first["items"][0]["number"], first["next"]) == (61, 12)
    second = call("GET", f"pools/{pool.pk}/versions?before={first['next']}").json()
    assert ([each["number"] for each in second["items"]], second["next"]) == (list(range(11, 0, -1)), None)
    page = client_for(bob).get(f"/pools/{pool.pk}/history/").content.decode()
    assert "Version 61" in page
    assert '<a class="button button-quiet" rel="next" href="?before=42">' in page


def test_a_viewer_reads_history_and_restores_nothing(
    dave: User, team: Team, place: Membership, pool: Pool, client_for: Callable[..., Client]
) -> None:
    save_pool(place, {"name": "Couple"}, pool)
    viewer = Membership.objects.select_related("team").get(user=dave, team=team)
    with pytest.raises(PermissionDenied):
        restore(viewer, versions_of(pool)[0])
    page = client_for(dave).get(f"/pools/{pool.pk}/history/")
    assert page.status_code == 200
    assert "Restore" not in page.content.decode()
    assert client_for(dave).post(f"/pools/{pool.pk}/history/1/restore/").status_code == 403
    call = caller_of(dave, team)
    assert call("POST", f"pools/{pool.pk}/versions/1/restore").status_code == 403
    assert Pool.objects.get(pk=pool.pk).name == "Couple"


def test_another_team_finds_nothing_live_or_deleted(
    place: Membership, charlie: User, pool: Pool, preset: Preset, client_for: Callable[..., Client]
) -> None:
    delete(place, preset)
    before = list(Version.objects.order_by("pk").values())
    call, browser = caller_of(charlie, Team.objects.get(personal_of=charlie)), client_for(charlie)
    for kind, row in (("pools", pool), ("presets", preset)):
        for pk in (row.pk, "a" * 24):
            paths = ("", "/1")
            assert {call("GET", f"{kind}/{pk}/versions{path}").status_code for path in paths} == {404}
            assert call("POST", f"{kind}/{pk}/versions/1/restore").status_code == 404
            assert call("POST", f"deleted/{pk}/restore").status_code == 404
            assert browser.get(f"/{kind}/{pk}/history/").status_code == 404
            assert browser.get(f"/{kind}/{pk}/history/1/").status_code == 404
            assert browser.post(f"/{kind}/{pk}/history/1/restore/").status_code == 404
    assert call("GET", "deleted").json()["items"] == []
    assert list(Version.objects.order_by("pk").values()) == before


def test_members_are_known_again_when_they_move() -> None:
    a, b, c = ({"connection": "x", "model": name, "label": name.upper()} for name in "abc")
    found = differences({"members": [a, b, c]}, {"members": [c, a, {**b, "label": "New"}]}, {})
    assert found == [
        Difference("Member “New”: label", "B", "New"),
        Difference("Order of members", "A, New, C", "C, A, New"),
    ]


def test_the_same_model_twice_stays_two_members() -> None:
    same = {"connection": "x", "model": "m"}
    found = differences({"members": [same, same]}, {"members": [same]}, {"x": "Here"})
    assert found == [Difference("Member “m”", "Connection: Here\nModel: m", None)]


def test_long_texts_are_compared_by_line() -> None:
    was = "\n".join(f"line {number}" for number in range(20))
    [found] = differences({"system": was}, {"system": was.replace("line 10", "line ten")}, {})
    assert found.lines == [("", "line 9"), ("del", "line 10"), ("ins", "line ten"), ("", "line 11")]


def test_the_audit_trail_tells_every_change_and_no_key(
    place: Membership, connection: Connection, pool: Pool, preset: Preset
) -> None:
    save_pool(place, {"name": "Couple", "zero_retention": True}, pool)
    save_connection(place, {"api_key": "sk-other-9999"}, connection)
    save_connection(place, {"base_url": "https://other.example.com/v1"}, connection)
    restore(place, versions_of(pool)[0])
    delete(place, preset)
    told = list(AuditEntry.objects.filter(kind__in=["connection", "pool", "preset"]).order_by("pk"))
    assert [entry.action for entry in told] == [
        "connection.created",
        "connection.key_set",
        "pool.created",
        "preset.created",
        "pool.changed",
        "connection.changed",
        "connection.key_set",
        "connection.changed",
        "connection.key_lost",
        "pool.changed",
        "preset.deleted",
    ]
    assert told[4].details == {"version": 2, "fields": ["name", "zero_retention"]}
    assert told[-2].details["note"] == "Back to version 1"
    assert "sk-" not in str([(entry.object_name, entry.details) for entry in told])
