"""A team's own sign-in service, set up by a program."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from fusion_site.accounts.models import AuditEntry, Membership, SignOn, Team, User
from tests.accounts.sign_in_service import CLIENT_ID, CLIENT_SECRET, SignInService
from tests.accounts.test_sign_on import come, service, who
from tests.api.conftest import Program

__all__ = ["service"]
PATH = "team/sign-on"


def settings_for(service: SignInService, **more: str) -> dict[str, str]:
    """Give what an owner would say of it."""
    return {"issuer": service.issuer, "client_id": CLIENT_ID, "secret": CLIENT_SECRET, **more}


def test_an_owners_program_sets_it_up_changes_and_removes_it(
    call: Program, team: Team, service: SignInService
) -> None:
    before = call("GET", PATH).json()
    assert before == {
        "issuer": None,
        "client_id": None,
        "role": None,
        "redirect_uri": f"http://testserver/sign-on/{team.pk}/back/",
    }
    made = call("PATCH", PATH, settings_for(service))
    assert made.status_code == 200, made.content
    assert made.json() == {**before, "issuer": service.issuer, "client_id": CLIENT_ID, "role": "viewer"}
    assert CLIENT_SECRET not in made.content.decode() + call("GET", PATH).content.decode()
    assert call("PATCH", PATH, {"role": "editor"}).json()["role"] == "editor"
    client = Client()
    come(client, team)
    assert who(client) == "frank@example.com", "the stored secret still serves"
    assert Membership.objects.get(user__email="frank@example.com", team=team).role == "editor"
    assert call("DELETE", PATH).status_code == 204
    assert call("GET", PATH).json() == before
    entries = AuditEntry.objects.filter(team=team, kind="sso").order_by("id")
    assert [(each.action, each.door) for each in entries] == [
        ("sso.settled", "token"),
        ("sso.settled", "token"),
        ("sso.removed", "token"),
    ]


def test_what_is_wrong_is_said_by_field_and_nothing_is_kept(call: Program, service: SignInService) -> None:
    def wrong(**given: str | None) -> dict[str, list[str]]:
        answer = call("PATCH", PATH, {**settings_for(service), **given})
        assert answer.status_code == 422, answer.content
        fields: dict[str, list[str]] = answer.json()["error"]["fields"]
        return fields

    assert list(wrong(issuer=None)) == ["issuer"]
    assert list(wrong(secret=None)) == ["secret"]
    assert list(wrong(role="owner")) == ["role"]
    assert wrong(issuer="http://127.0.0.1:1")["issuer"][0].startswith("This service will not do: ")
    assert not SignOn.objects.exists()


@pytest.mark.parametrize("name", ["bob", "dave"])
def test_others_neither_read_nor_change_it_and_no_service_is_asked(
    name: str, bob: User, dave: User, service: SignInService, program_of: Callable[[User | None], Program]
) -> None:
    held = program_of({"bob": bob, "dave": dave}[name])
    answers = [
        held("GET", PATH),
        held("PATCH", PATH, settings_for(service, issuer="http://127.0.0.1:1")),
        held("DELETE", PATH),
    ]
    assert [each.status_code for each in answers] == [403, 403, 403]


def test_a_personal_team_has_none(
    charlie: User, service: SignInService, program_of: Callable[[User | None], Program]
) -> None:
    answer = program_of(charlie)("PATCH", PATH, settings_for(service))
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["issuer"])
