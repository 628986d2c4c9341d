"""Things go over to another team with what they need there; keys only where one person owns both and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.test import Client

from fusion_site.accounts.flows.join_team import join_team
from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import AuditEntry, Membership, Role, Team, User
from fusion_site.accounts.sealing import SealBroken, SealContext, origin_of, unseal
from fusion_site.accounts.tokens import make_token
from fusion_site.pools import reaching
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.flows.transfer import Wanted, transfer
from fusion_site.pools.invalid import InUse, Invalid
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset, Version
from fusion_site.pools.plain import plain_pool
from fusion_site.providers import EndpointUnavailable

KEY = "sk-hosted-4242"
ROWS = (Connection, Pool, Judge, Preset, Version)


@pytest.fixture
def beta(alice: User) -> Team:
    """Give a second team that alice owns."""
    return new_team("Beta", alice)


@pytest.fixture
def there(alice: User, beta: Team) -> Membership:
    """Give alice's place in it."""
    return Membership.objects.select_related("team").get(user=alice, team=beta)


def kept() -> list[Any]:
    """Give all rows, to be compared before and after."""
    return [list(model._default_manager.order_by("pk").values()) for model in ROWS]


def place_of(user: User, team: Team) -> Membership:
    return Membership.objects.select_related("team").get(user=user, team=team)


def key_of(row: Connection) -> str:
    """Open a connection's key as an ask would."""
    context = SealContext(connection=row.pk, team=row.team_id, origin=origin_of(row.base_url))
    return unseal(row.sealed_key, context=context)


def said(error: pytest.ExceptionInfo[Invalid]) -> dict[str, list[str]]:
    return error.value.fields


def test_a_preset_is_copied_with_all_that_it_needs(
    place: Membership, there: Membership, preset: Preset, pool: Pool
) -> None:
    made = transfer(place, preset, Wanted(there))
    assert isinstance(made, Preset)
    found = [made, made.pool, made.judge, made.judge.connection]
    assert {row.team_id for row in found} == {there.team_id}
    assert [row.name for row in found] == ["Review", "Pair", "Strict", "Hosted"]
    assert [member.connection_id for member in made.pool.members.all()] == [made.judge.connection_id] * 2
    assert [member.model for member in made.pool.members.all()] == ["lab/alpha", "lab/beta"]
    assert made.pk != preset.pk
    assert Preset.objects.get(pk=preset.pk).pool_id == pool.pk
    [first] = Version.objects.filter(thing=made.pk)
    assert first.note == "Copied from the team “Alpha”"


def test_no_key_goes_along_unasked(place: Membership, there: Membership, preset: Preset) -> None:
    made = transfer(place, preset, Wanted(there))
    assert isinstance(made, Preset)
    copy = made.judge.connection
    assert (copy.sealed_key, copy.key_hint, copy.state) == ("", "", "needs_key")


def test_an_owner_of_both_takes_the_key_along_sealed_for_the_other_team(
    place: Membership, there: Membership, connection: Connection
) -> None:
    made = transfer(place, connection, Wanted(there, with_keys=True))
    assert isinstance(made, Connection)
    made.refresh_from_db()
    assert (key_of(made), made.key_hint, made.state) == (KEY, "4242", "ready")
    assert made.sealed_key != connection.sealed_key
    context = SealContext(connection=made.pk, team=place.team_id, origin=origin_of(made.base_url))
    with pytest.raises(SealBroken):
        unseal(made.sealed_key, context=context)
    told = [(entry.team_id, entry.action) for entry in AuditEntry.objects.filter(kind="connection")]
    assert (place.team_id, "connection.key_copied") in told
    assert (there.team_id, "connection.key_set") in told
    assert KEY not in str(kept())


@pytest.mark.parametrize(("here", "over_there"), [("owner", "editor"), ("editor", "owner")])
def test_nobody_else_takes_a_key_along(
    team: Team, bob: User, beta: Team, connection: Connection, here: str, over_there: str
) -> None:
    Membership.objects.filter(user=bob, team=team).update(role=here)
    join_team(bob, beta, Role(over_there))
    before = kept()
    with pytest.raises(Invalid) as refused:
        transfer(place_of(bob, team), connection, Wanted(place_of(bob, beta), with_keys=True))
    assert list(said(refused)) == ["with_keys"]
    assert kept() == before
    made = transfer(place_of(bob, team), connection, Wanted(place_of(bob, beta)))
    assert isinstance(made, Connection)
    assert made.state == "needs_key"


async def test_a_row_that_is_made_to_change_teams_opens_no_key(connection: Connection, beta: Team) -> None:
    """What no flow does: the seal itself says to which team a key belongs."""
    await sync_to_async(Connection.objects.filter(pk=connection.pk).update)(team=beta)
    with pytest.raises(EndpointUnavailable):
        await reaching.endpoint(connection.pk)


def test_what_leads_to_the_same_place_there_stands_in(
    place: Membership, there: Membership, pool: Pool, connection: Connection
) -> None:
    own = save_connection(
        there, {"name": "Ours", "kind": "openai", "base_url": connection.base_url, "api_key": "sk-beta-1"}
    )
    made = transfer(place, pool, Wanted(there))
    assert {member["connection"] for member in plain_pool(made)["members"]} == {own.pk}  # type: ignore[arg-type]
    chosen = transfer(place, pool, Wanted(there, {connection.pk: "copy"}))
    [copy] = {member["connection"] for member in plain_pool(chosen)["members"]}  # type: ignore[arg-type]
    assert Connection.objects.get(pk=copy).name == "Hosted"
    assert copy != own.pk


def test_one_that_is_chosen_stands_in_and_nothing_else_is_made(
    place: Membership, there: Membership, preset: Preset, pool: Pool, judge: Judge
) -> None:
    own = save_connection(there, {"name": "Ours", "kind": "openai", "base_url": "https://b.example.com/v1"})
    members = [{"connection": own.pk, "model": "b"}]
    their_pool = save_pool(there, {"name": "Theirs", "members": members})
    their_judge = save_judge(there, {"name": "Theirs", "connection": own.pk, "model": "b"})
    before = Connection.objects.filter(team=there.team).count()
    made = transfer(place, preset, Wanted(there, {pool.pk: their_pool.pk, judge.pk: their_judge.pk}))
    assert isinstance(made, Preset)
    assert (made.pool_id, made.judge_id) == (their_pool.pk, their_judge.pk)
    assert Connection.objects.filter(team=there.team).count() == before


def test_a_second_preset_finds_what_the_first_one_brought(
    place: Membership, there: Membership, preset: Preset, pool: Pool, judge: Judge
) -> None:
    second = save_preset(place, {"name": "Other", "pool": pool.pk, "judge": judge.pk})
    made = [transfer(place, row, Wanted(there)) for row in (preset, second)]
    assert len({row.pool_id for row in made if isinstance(row, Preset)}) == 1
    assert len({row.judge_id for row in made if isinstance(row, Preset)}) == 1


def test_hosts_of_the_site_are_each_teams_own(place: Membership, there: Membership, team: Team) -> None:
    pool, host = Pool.objects.get(team=team), Connection.objects.get(team=team, kind="rehearsal")
    made = transfer(place, pool, Wanted(there))
    own = Connection.objects.get(team=there.team, kind="rehearsal")
    assert {member["connection"] for member in plain_pool(made)["members"]} == {own.pk}  # type: ignore[arg-type]
    assert made.name == "Rehearsal trio 2"
    with pytest.raises(Invalid):
        transfer(place, host, Wanted(there))
    with pytest.raises(Invalid) as refused:
        transfer(place, pool, Wanted(there, {host.pk: "copy"}))
    assert list(said(refused)) == [f"references.{host.pk}"]


@pytest.mark.parametrize("foreign", ["of nobody", "of the source"])
def test_nothing_of_elsewhere_stands_in(
    place: Membership, there: Membership, pool: Pool, connection: Connection, foreign: str
) -> None:
    chosen = "a" * 24 if foreign == "of nobody" else connection.pk
    before = kept()
    with pytest.raises(Invalid) as refused:
        transfer(place, pool, Wanted(there, {connection.pk: chosen}))
    assert said(refused) == {f"references.{connection.pk}": ["There is no such connection."]}
    assert kept() == before


def test_names_and_slugs_that_are_taken_get_numbers(
    place: Membership, there: Membership, preset: Preset
) -> None:
    made = [transfer(place, preset, Wanted(there)) for _ in range(3)]
    assert [row.name for row in made] == ["Review", "Review 2", "Review 3"]
    assert [row.slug for row in made if isinstance(row, Preset)] == ["review", "review-2", "review-3"]
    longest = save_preset(place, {"name": "N" * 120, "slug": "s" * 60}, preset)
    long = [transfer(place, longest, Wanted(there)) for _ in range(2)]
    assert len({row.name for row in long}) == 2


def test_what_moves_is_gone_here_and_can_be_had_back(
    place: Membership, there: Membership, preset: Preset, pool: Pool
) -> None:
    made = transfer(place, preset, Wanted(there, moves=True))
    assert not Preset.objects.filter(pk=preset.pk).exists()
    assert Pool.objects.filter(pk=pool.pk).exists()  # others may need it here
    last = Version.objects.filter(thing=preset.pk).first()
    assert last is not None
    assert (last.is_end, last.note) == (True, "Moved to the team “Beta”")
    assert made.team_id == there.team_id


def test_what_is_needed_here_does_not_move(place: Membership, there: Membership, preset: Preset) -> None:
    before = kept()
    with pytest.raises(InUse):
        transfer(place, preset.pool, Wanted(there, moves=True))
    with pytest.raises(InUse):
        transfer(place, preset.judge.connection, Wanted(there, moves=True))
    assert kept() == before


def test_the_rules_of_the_other_team_hold(
    place: Membership, there: Membership, preset: Preset, connection: Connection
) -> None:
    Team.objects.filter(pk=there.team_id).update(local_only=True)
    there.team.refresh_from_db()
    before = kept()
    with pytest.raises(Invalid) as refused:
        transfer(place, preset, Wanted(there))
    [(path, [message])] = said(refused).items()
    assert path == f"references.{connection.pk}"
    assert "local only" in message
    assert kept() == before


def test_viewers_of_either_team_send_nothing(
    team: Team, bob: User, dave: User, beta: Team, pool: Pool
) -> None:
    join_team(bob, beta, Role.VIEWER)
    join_team(dave, beta, Role.EDITOR)
    before = kept()
    for user in (bob, dave):
        with pytest.raises(PermissionDenied):
            transfer(place_of(user, team), pool, Wanted(place_of(user, beta)))
    with pytest.raises(PermissionDenied):
        transfer(place_of(bob, team), pool, Wanted(place_of(dave, beta)))
    with pytest.raises(Invalid):
        transfer(place_of(bob, team), pool, Wanted(place_of(bob, team)))
    assert kept() == before


def test_the_page_asks_where_and_with_what(
    place: Membership, there: Membership, alice: User, preset: Preset, client_for: Callable[..., Client]
) -> None:
    browser, path = client_for(alice), f"/presets/{preset.pk}/send/"
    page = browser.get(f"{path}?to={there.team_id}").content.decode()
    for expected in ("In place of the pool “Pair”", "In place of the judge “Strict”", "a copy of it"):
        assert expected in page
    assert "Take the keys of copied connections along" in page
    answer = browser.post(path, {"to": there.team_id, "do": "copy"}, follow=True)
    assert "copied to Beta as “Review”. Programs call it fusion/review there." in answer.content.decode()
    moved = browser.post(f"/pools/{preset.pool_id}/send/", {"to": there.team_id, "do": "move"})
    assert moved.status_code == 409
    assert "Still used by preset “Review”." in moved.content.decode()
    chosen = {"to": there.team_id, "do": "copy", f"references.{preset.pool_id}": "a" * 24}
    wrong = browser.post(path, chosen)
    assert wrong.status_code == 422
    assert "There is no such pool." in wrong.content.decode()


def test_the_page_asks_who_it_is_before_a_key_goes_along(
    place: Membership,
    there: Membership,
    alice: User,
    connection: Connection,
    client_for: Callable[..., Client],
) -> None:
    alice.set_password("correct horse battery")  # who has none cannot be asked for it
    alice.save()
    browser, before = client_for(alice), kept()
    sent = {"to": there.team_id, "do": "copy", "with_keys": "1"}
    asked = browser.post(f"/connections/{connection.pk}/send/", sent)
    assert asked["Location"].startswith("/accounts/reauthenticate/")
    assert kept() == before
    made = browser.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    assert made["Location"].startswith("/connections/")
    assert Connection.objects.get(team=there.team, name="Hosted").key_hint == "4242"


def test_the_page_leads_to_no_foreign_team(
    bob: User, charlie: User, pool: Pool, client_for: Callable[..., Client]
) -> None:
    before, browser = kept(), client_for(bob)
    own = Team.objects.get(personal_of=charlie)
    for team_id in (own.pk, "a" * 24, ""):
        assert browser.post(f"/pools/{pool.pk}/send/", {"to": team_id, "do": "copy"}).status_code == 404
    assert own.name not in browser.get(f"/pools/{pool.pk}/send/?to={own.pk}").content.decode()
    assert client_for(charlie).post(f"/pools/{pool.pk}/send/", {"to": own.pk}).status_code == 404
    assert kept() == before


def post(path: str, token: str, body: dict[str, Any]) -> Any:
    """Call a door."""
    return Client().post(
        f"/api/v1/{path}", json.dumps(body), "application/json", HTTP_AUTHORIZATION=f"Bearer {token}"
    )


def test_a_program_opens_the_other_team_with_its_own_token(
    alice: User, team: Team, beta: Team, preset: Preset, pool: Pool, judge: Judge, connection: Connection
) -> None:
    here, over_there = make_token(alice, team, "h")[1], make_token(alice, beta, "t")[1]
    made = post(f"presets/{preset.pk}/copy", here, {"target_token": over_there})
    assert made.status_code == 201, made.content
    read = Client().get(f"/api/v1/presets/{made.json()['id']}", HTTP_AUTHORIZATION=f"Bearer {over_there}")
    assert read.json() == made.json()
    chosen = {pool.pk: made.json()["pool"]}
    again = post(f"presets/{preset.pk}/move", here, {"target_token": over_there, "references": chosen})
    assert again.status_code == 201, again.content
    assert (again.json()["pool"], again.json()["slug"]) == (made.json()["pool"], "review-2")
    keyed = post(f"connections/{connection.pk}/copy", here, {"target_token": over_there, "with_keys": True})
    assert (keyed.status_code, keyed.json()["key_hint"], keyed.json()["state"]) == (201, "4242", "ready")


def test_a_token_that_does_not_open_the_other_team_is_none(
    alice: User, bob: User, team: Team, beta: Team, pool: Pool
) -> None:
    here = make_token(alice, team, "h")[1]
    join_team(bob, beta, Role.EDITOR)
    others = {
        "another person's": make_token(bob, beta, "b")[1],
        "one that may only read": make_token(alice, beta, "r", scopes=["read", "run"])[1],
        "nobody's": "fus_x",
    }
    before = kept()
    answers = {
        name: post(f"pools/{pool.pk}/copy", here, {"target_token": text}) for name, text in others.items()
    }
    assert {answer.status_code for answer in answers.values()} == {422}
    assert len({answer.content for answer in answers.values()}) == 1
    same = post(f"pools/{pool.pk}/copy", here, {"target_token": here})
    assert same.json()["error"]["fields"] == {"team": ["Choose another team than the one it is in."]}
    assert kept() == before


def test_each_copy_is_told_in_both_teams(place: Membership, there: Membership, judge: Judge) -> None:
    made = transfer(place, judge, Wanted(there))
    told = {(entry.team_id, entry.action) for entry in AuditEntry.objects.filter(kind="judge")}
    assert {(place.team_id, "judge.copied"), (there.team_id, "judge.created")} <= told
    assert isinstance(made, Named)


def test_by_rest_a_stranger_finds_nothing_to_send_and_a_viewer_may_not(
    team: Team, charlie: User, dave: User, pool: Pool
) -> None:
    before, own = kept(), Team.objects.get(personal_of=charlie)
    stranger, viewer = make_token(charlie, own, "c")[1], make_token(dave, team, "d")[1]
    for verb in ("copy", "move"):
        body = {"target_token": stranger}
        answers = [post(f"pools/{pk}/{verb}", stranger, body) for pk in (pool.pk, "a" * 24)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        assert post(f"pools/{pool.pk}/{verb}", viewer, body).status_code == 403
    assert kept() == before
