"""The person behind a token by REST: their name, where they are signed in, and ending that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from fusion_site.accounts.flows.make_token import make_token
from fusion_site.accounts.models import AuditEntry, Scope, Team, User
from tests.api.conftest import Program

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0"


def signed_in(user: User, address: str) -> Client:
    """Give a browser whose session is known by where it was used."""
    client = Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR=address)
    client.force_login(user)
    assert is_in(client)
    return client


def is_in(client: Client) -> bool:
    return client.get("/sessions/").status_code == 200


def test_a_program_lists_its_persons_sessions_and_ends_one(
    call: Program, alice: User, bob: User, team: Team
) -> None:
    first, second, bobs = (
        signed_in(user, at) for user, at in ((alice, "192.0.2.1"), (alice, "192.0.2.2"), (bob, "192.0.2.3"))
    )
    told = call("GET", "sessions").json()["items"]
    assert [(each["device"], each["address"]) for each in told] == [
        ("Firefox on Windows", "192.0.2.2"),
        ("Firefox on Windows", "192.0.2.1"),
    ]
    assert settings.SESSION_COOKIE_NAME not in told[0]
    assert call("DELETE", f"sessions/{told[0]['id']}").status_code == 204
    assert (is_in(first), is_in(second), is_in(bobs)) == (True, False, True)
    assert call("DELETE", f"sessions/{told[0]['id']}").status_code == 404
    entry = AuditEntry.objects.get(action="session.ended", team=team)
    assert (entry.actor, entry.door) == (alice.email, "token")
    assert entry.details == {"devices": ["Firefox on Windows from 192.0.2.2"]}
    Session.objects.all().delete()
    assert call("GET", "sessions").json() == {"items": [], "next": None}, "one that has run out is none"


def test_it_ends_all_of_them_and_nobody_elses(
    call: Program, program_of: Callable[[User | None], Program], alice: User, bob: User
) -> None:
    first, second, bobs = signed_in(alice, "::1"), signed_in(alice, "::2"), signed_in(bob, "::3")
    [foreign] = program_of(bob)("GET", "sessions").json()["items"]
    answer = call("DELETE", f"sessions/{foreign['id']}")
    assert (answer.status_code, answer.content) == (404, call("DELETE", "sessions/987654").content)
    assert call("DELETE", "sessions").status_code == 204
    assert [is_in(each) for each in (first, second, bobs)] == [False, False, True]
    assert call("GET", "me").status_code == 200, "tokens go on"


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.READ])
def test_ending_sessions_and_changing_oneself_take_the_scope_manage(
    scope: Scope, alice: User, team: Team
) -> None:
    client = signed_in(alice, "192.0.2.1")
    held = Program(make_token(alice, team, "held", scopes=[scope], days=1)[1])
    assert held("DELETE", "sessions").status_code == 403
    assert held("PATCH", "me", {"name": "Mallory"}).status_code == 403
    assert held("GET", "me").json()["name"] == "Alice"
    assert held("GET", "sessions").status_code == (200 if scope == Scope.READ else 403)
    assert is_in(client)


def test_a_name_is_changed_and_taken_away(call: Program, alice: User) -> None:
    assert call("PATCH", "me", {"name": " Alice A. "}).json()["name"] == "Alice A."
    assert call("PATCH", "me", {}).json()["name"] == "Alice A."
    wrong = call("PATCH", "me", {"name": "two\nlines"})
    assert (wrong.status_code, wrong.json()["error"]["fields"]) == (
        422,
        {"name": ["Write this on one line."]},
    )
    assert call("PATCH", "me", {"email": "x@example.com"}).status_code == 422
    assert call("PATCH", "me", {"name": None}).json()["name"] == ""
