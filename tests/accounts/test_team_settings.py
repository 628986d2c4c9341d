"""What owners decide about a team: who may change it, what will not do, and that it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import AsyncClient, Client

from fusion_site.accounts.models import AuditEntry, Reach, Team, User
from fusion_site.accounts.team_settings import link_policy
from fusion_site.pools.models import Connection
from tests.api.conftest import Program

ClientFor = Callable[[User | None], Client]
ProgramOf = Callable[[User | None], Program]
TYPED = {"connections_by": "editors", "links": "anyone"}


def give_factor(user: User) -> None:
    """Let somebody have an authenticator app."""
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})


def now(team: Team) -> Team:
    """Give the team as it is stored."""
    return Team.objects.get(pk=team.pk)


def test_owners_settle_the_team_and_the_trail_says_what_changed(
    team: Team, alice: User, dave: User, client_for: ClientFor
) -> None:
    typed = TYPED | {
        "local_only": "on",
        "allowed_hosts": "API.example.com\nopenrouter.ai.\napi.example.com",
        "run_cap_usd": "0.50",
        "links": "team",
        "links_max_days": "14",
        "links_need_password": "on",
    }
    assert client_for(alice).post("/team/settings/", typed).status_code == 302
    kept = now(team)
    assert (kept.local_only, kept.allowed_hosts) == (True, ["api.example.com", "openrouter.ai"])
    policy = link_policy(kept)
    assert (policy.reach, policy.max_days, policy.needs_password) == (Reach.TEAM, 14, True)
    entry = AuditEntry.objects.get(action="team.settings_changed")
    assert entry.details["run_cap_usd"] == [None, "0.5"]
    assert entry.details["local_only"] == ["false", "true"]
    assert "connections_by" not in entry.details
    page = client_for(dave).get("/team/settings/").content.decode()
    assert "<fieldset" in page
    assert "Save the settings" not in page
    client_for(alice).post("/team/settings/", TYPED)
    assert (now(team).local_only, now(team).allowed_hosts, now(team).run_cap_usd) == (False, [], None)


@pytest.mark.parametrize(
    ("field", "typed", "sent"),
    [
        ("allowed_hosts", "https://api.example.com", ["api.example.com:8080"]),
        ("run_cap_usd", "much", "-1"),
        ("run_cap_usd", "0.0000001", "NaN"),
        ("links", "everybody", "everybody"),
        ("links_max_days", "0", 99999),
        ("mfa_required", "on", True),
    ],
)
def test_what_will_not_do_is_said_at_its_field_and_nothing_is_kept(
    field: str, typed: str, sent: Any, team: Team, alice: User, client_for: ClientFor, call: Program
) -> None:
    answer = client_for(alice).post("/team/settings/", TYPED | {"local_only": "on", field: typed})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert f'aria-describedby="id_{field}' in answer.content.decode()
    refused = call("PATCH", "team", {"local_only": True, "name": "Other", field: sent})
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, [field])
    assert (now(team).local_only, now(team).name) == (False, "Alpha")
    assert not AuditEntry.objects.filter(kind="team").exists()


def test_only_owners_settle(
    team: Team, bob: User, dave: User, charlie: User, client_for: ClientFor, program_of: ProgramOf
) -> None:
    for person in (bob, dave):
        assert client_for(person).post("/team/settings/", TYPED | {"local_only": "on"}).status_code == 403
        assert client_for(person).post("/team/name/", {"name": "Mine"}).status_code == 403
        assert program_of(person)("PATCH", "team", {"local_only": True}).status_code == 403
    program_of(charlie)("PATCH", "team", {"local_only": True})
    assert (now(team).local_only, now(team).name) == (False, "Alpha")


def test_programs_read_and_settle(team: Team, call: Program) -> None:
    changed = call("PATCH", "team", {"name": "Beta", "allowed_hosts": ["Ai.example"], "links": "none"}).json()
    assert (changed["name"], changed["allowed_hosts"], changed["links"]) == ("Beta", ["ai.example"], "none")
    assert call("PATCH", "team", {"links": None, "allowed_hosts": None}).json()["links"] == "anyone"
    assert (now(team).allowed_hosts, now(team).slug) == ([], team.slug)
    assert call("PATCH", "team", {"name": " "}).status_code == 422


def test_where_only_owners_add_connections_editors_change_neither_address_nor_key(
    team: Team, alice: User, bob: User, program_of: ProgramOf, call: Program, client_for: ClientFor
) -> None:
    new = {
        "name": "Up",
        "kind": "openai",
        "base_url": "https://api.example.com/v1",
        "api_key": "key-0123456789",
    }
    made = call.made("connections", new)
    call("PATCH", "team", {"connections_by": "owners"})
    bobs = program_of(bob)
    assert bobs("POST", "connections", new).status_code == 403
    assert bobs("POST", f"connections/{made['id']}/duplicate").status_code == 403
    moved = bobs(
        "PATCH", f"connections/{made['id']}", {"base_url": "https://evil.example/v1", "api_key": "x" * 12}
    )
    assert (moved.status_code, sorted(moved.json()["error"]["fields"])) == (422, ["api_key", "base_url"])
    assert bobs("PATCH", f"connections/{made['id']}", {"name": "Upstream"}).status_code == 200
    assert client_for(bob).get("/connections/new/").status_code == 403
    assert "New connection" not in client_for(bob).get("/connections/").content.decode()
    assert "New connection" in client_for(alice).get("/connections/").content.decode()
    assert Connection.objects.get(pk=made["id"]).base_url == "https://api.example.com/v1"


def test_who_lacks_a_second_factor_is_sent_to_set_one_up(
    team: Team, alice: User, bob: User, client_for: ClientFor, program_of: ProgramOf, call: Program
) -> None:
    bobs, his = client_for(bob), program_of(bob)
    elsewhere = Program(call.token)
    give_factor(alice)
    assert call("PATCH", "team", {"mfa_required": True}).status_code == 200
    for path in ("/team/", "/pools/", "/tokens/"):
        assert bobs.get(path)["Location"] == "/team/second-factor/"
    page = bobs.get("/team/second-factor/")
    assert (page.status_code, "wants a second factor" in page.content.decode()) == (403, True)
    assert his("GET", "me").status_code == 401
    assert elsewhere("GET", "me").status_code == 200
    connection = Connection.objects.get(team=team)
    assert bobs.get(f"/connections/{connection.pk}/").status_code in {302, 404}
    bobs.post("/team/switch/", {"team": bob.personal_team.pk})
    assert bobs.get("/pools/").status_code == 200
    assert bobs.get(f"/connections/{connection.pk}/").status_code == 404
    give_factor(bob)
    assert his("GET", "me").status_code == 200
    bobs.post("/team/switch/", {"team": team.pk})
    assert bobs.get("/pools/").status_code == 200
    assert bobs.get("/team/second-factor/").status_code == 302


@pytest.mark.urls("tests.accounts.guarded_urls")
async def test_async_pages_keep_them_out_as_well(team: Team, bob: User) -> None:
    await Team.objects.aupdate(mfa_required=True)
    client = AsyncClient()
    await client.aforce_login(bob)
    assert (await client.get("/async/"))["Location"] == "/team/second-factor/"
    htmx = await client.get("/async/", headers={"HX-Request": "true"})
    assert htmx["HX-Redirect"] == "/team/second-factor/"
