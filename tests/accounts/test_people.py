"""Who is in a team and as what: by page and by API, with an owner in it at all times."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.flows.invite import invite
from fusion_site.accounts.flows.join_team import join_team
from fusion_site.accounts.models import ApiToken, AuditEntry, Invitation, Membership, Role, Team, User
from tests.api.conftest import Program

ClientFor = Callable[[User | None], Client]
ProgramOf = Callable[[User | None], Program]


def text_of(answer: Any) -> str:
    """Give a page without the form token, which differs from page to page."""
    return re.sub(r"[A-Za-z0-9]{64}", "", answer.content.decode())


def place(person: User, team: Team) -> Membership:
    """Give somebody's place."""
    return Membership.objects.get(user=person, team=team)


def roles(team: Team) -> dict[str, str]:
    """Give everybody's role by name."""
    return {each.user.name: each.role for each in team.memberships.select_related("user")}


def test_owners_change_roles_and_it_holds_at_once(
    team: Team, bob: User, client_for: ClientFor, alice: User
) -> None:
    bobs = client_for(bob)
    assert bobs.get("/pools/new/").status_code == 200
    answer = client_for(alice).post(
        f"/team/people/{place(bob, team).ref}/role/", {"role": "viewer"}, follow=True
    )
    assert "bob@example.com is viewer now." in answer.content.decode()
    assert bobs.get("/pools/new/").status_code == 403
    entry = AuditEntry.objects.get(action="member.role_changed")
    assert (entry.actor, entry.object_name, entry.details, entry.door) == (
        "alice@example.com",
        "bob@example.com",
        {"role": ["editor", "viewer"]},
        "page",
    )
    assert entry.address == "127.0.0.1"


@pytest.mark.parametrize("deed", ["role/", "remove/", "hand-over/"])
def test_only_owners_decide_about_people(
    deed: str, team: Team, alice: User, bob: User, dave: User, charlie: User, client_for: ClientFor
) -> None:
    path = f"/team/people/{place(dave, team).ref}/{deed}"
    before = roles(team)
    assert client_for(bob).post(path, {"role": "owner"}).status_code == 403
    foreign = client_for(charlie).post(path, {"role": "owner"})
    absent = client_for(charlie).post(f"/team/people/nosuchperson/{deed}", {"role": "owner"})
    assert (foreign.status_code, text_of(foreign)) == (404, text_of(absent))
    assert client_for(None).post(path).status_code == 302
    assert roles(team) == before
    assert not AuditEntry.objects.filter(kind="member").exists()


def test_programs_decide_as_their_person_may(
    team: Team, bob: User, dave: User, charlie: User, call: Program, program_of: ProgramOf
) -> None:
    people = {each["email"]: each for each in call("GET", "team/people").json()["items"]}
    assert [(who[:3], each["role"], each["is_you"]) for who, each in people.items()] == [
        ("ali", "owner", True),
        ("bob", "editor", False),
        ("dav", "viewer", False),
    ]
    daves = f"team/people/{people['dave@example.com']['id']}"
    for person, status in ((bob, 403), (charlie, 404), (None, 401)):
        assert program_of(person)("PATCH", daves, {"role": "owner"}).status_code == status
        assert program_of(person)("DELETE", daves).status_code == status
    assert program_of(charlie)("GET", daves).content == program_of(charlie)("GET", "team/people/no").content
    assert call("PATCH", daves, {"role": "editor"}).json()["role"] == "editor"
    refused = call("PATCH", daves, {"role": "king"})
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, ["role"])
    assert call("DELETE", daves).status_code == 204
    assert roles(team) == {"Alice": "owner", "Bob": "editor"}
    entry = AuditEntry.objects.get(action="member.removed")
    assert (entry.door, entry.token[:4]) == ("token", "fus_")


def test_a_team_is_never_without_an_owner(team: Team, alice: User, bob: User, call: Program) -> None:
    me, his = place(alice, team).ref, place(bob, team).ref
    for refused in (
        call("PATCH", f"team/people/{me}", {"role": "editor"}),
        call("DELETE", f"team/people/{me}"),
    ):
        assert (refused.status_code, "needs an owner" in refused.json()["error"]["message"]) == (409, True)
    assert call("PATCH", f"team/people/{his}", {"role": "owner"}).status_code == 200
    assert call("DELETE", f"team/people/{me}").status_code == 204
    assert roles(team) == {"Bob": "owner"}


def test_an_owner_who_is_locked_counts_for_none(
    team: Team, alice: User, bob: User, client_for: ClientFor
) -> None:
    join_team(bob, team, Role.OWNER)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    page = client_for(alice).post("/team/leave/", follow=True).content.decode()
    assert "A team needs an owner" in page
    assert roles(team)["Alice"] == "owner"


def test_handing_over_makes_one_owner_of_another(
    team: Team, alice: User, bob: User, client_for: ClientFor
) -> None:
    client_for(alice).post(f"/team/people/{place(bob, team).ref}/hand-over/")
    assert roles(team) == {"Alice": "editor", "Bob": "owner"}
    assert client_for(alice).post(f"/team/people/{place(bob, team).ref}/remove/").status_code == 403


def test_leaving_ends_the_tokens_for_good(
    team: Team, bob: User, client_for: ClientFor, program_of: ProgramOf
) -> None:
    program = program_of(bob)
    assert program("GET", "me").status_code == 200
    page = client_for(bob).post("/team/leave/", follow=True).content.decode()
    assert "You have left Alpha." in page
    assert program("GET", "me").status_code == 401
    join_team(bob, team)
    assert program("GET", "me").status_code == 401
    assert not ApiToken.objects.exists()


def test_a_personal_team_stays_with_its_person(alice: User, bob: User) -> None:
    personal = bob.personal_team
    join_team(alice, personal, Role.OWNER)
    client = Client()
    client.force_login(bob)
    assert "stays with its person" in client.post("/team/leave/", follow=True).content.decode()
    client.force_login(alice)
    client.post("/team/switch/", {"team": personal.pk})
    for deed, data in (("remove/", {}), ("role/", {"role": "viewer"}), ("hand-over/", {})):
        client.post(f"/team/people/{place(bob, personal).ref}/{deed}", data)
    client.post("/team/delete/", {"name": personal.name})
    assert roles(personal) == {"Bob": "owner", "Alice": "owner"}
    assert Team.objects.get(pk=personal.pk).removal_at is None


def test_who_was_owner_leaves_no_way_back(team: Team, alice: User, bob: User, client_for: ClientFor) -> None:
    join_team(bob, team, Role.OWNER)
    invite(place(bob, team), many=True)
    client_for(alice).post(f"/team/people/{place(bob, team).ref}/role/", {"role": "editor"})
    assert not Invitation.objects.good().exists()


def test_who_was_removed_does_not_come_back_by_the_link_they_came_by(
    team: Team, alice: User, charlie: User, client_for: ClientFor
) -> None:
    _, token = invite(place(alice, team), many=True)
    charlies = client_for(charlie)
    charlies.get(f"/join/{token}/")
    charlies.post("/join/")
    assert roles(team)["Charlie"] == "editor"
    client_for(alice).post(f"/team/people/{place(charlie, team).ref}/remove/")
    assert charlies.get(f"/join/{token}/").status_code == 404
    charlies.post("/join/")
    assert "Charlie" not in roles(team)
