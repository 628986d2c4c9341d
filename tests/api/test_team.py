"""The team through its door and its page: everybody in it reads its money, owners set the budget."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from fusion_site.accounts.models import Team, User
from tests.api.conftest import Program

ClientFor = Callable[[User | None], Client]
ProgramOf = Callable[[User | None], Program]


def budget_of(team: Team) -> str:
    """Give what is stored."""
    return str(Team.objects.get(pk=team.pk).budget_usd)


def test_everybody_in_the_team_reads_its_money(team: Team, dave: User, program_of: ProgramOf) -> None:
    shown = program_of(dave)("GET", "team").json()
    assert shown["month"].startswith("20")
    money = {"budget_usd": None, "spent_usd": "0", "reserved_usd": "0", "unbounded_runs": 0}
    settings = {
        "run_cap_usd": None,
        "connections_by": "editors",
        "allowed_hosts": [],
        "local_only": False,
        "mfa_required": False,
        "links": "anyone",
        "links_max_days": None,
        "links_need_password": False,
    }
    money |= settings
    assert shown == {"slug": team.slug, "name": "Alpha", "role": "viewer", "month": shown["month"], **money}


def test_owners_set_and_take_away_the_budget(team: Team, call: Program) -> None:
    assert call("PATCH", "team", {"budget_usd": "12.50"}).json()["budget_usd"] == "12.5"
    assert call("PATCH", "team", {}).json()["budget_usd"] == "12.5"
    assert budget_of(team) == "12.500000"
    assert call("PATCH", "team", {"budget_usd": None}).json()["budget_usd"] is None


@pytest.mark.parametrize("bad", ["-1", "1000000", "0.0000001", "NaN", "much"])
def test_an_amount_that_will_not_do_is_said_at_its_field(team: Team, call: Program, bad: str) -> None:
    refused = call("PATCH", "team", {"budget_usd": bad})
    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == ["budget_usd"]
    assert budget_of(team) == "None"


def test_others_may_not_set_it(
    team: Team, bob: User, dave: User, charlie: User, program_of: ProgramOf, client_for: ClientFor
) -> None:
    for person in (bob, dave):
        assert program_of(person)("PATCH", "team", {"budget_usd": "1"}).status_code == 403
        assert client_for(person).post("/team/budget/", {"budget_usd": "1"}).status_code == 403
        assert "Save the budget" not in client_for(person).get("/team/").content.decode()
    assert program_of(charlie)("PATCH", "team", {"budget_usd": "1"}).json()["slug"] != team.slug
    assert program_of(None)("PATCH", "team", {"budget_usd": "1"}).status_code == 401
    assert client_for(None).post("/team/budget/", {"budget_usd": "1"}).status_code == 302
    assert budget_of(team) == "None"


def test_the_page_shows_the_money_and_saves_the_budget(
    team: Team, alice: User, dave: User, client_for: ClientFor
) -> None:
    page = client_for(alice).post("/team/budget/", {"budget_usd": " 20 "}, follow=True).content.decode()
    assert "$20.00 a month" in page
    assert "The budget was saved." in page
    assert "$20.00 a month" in client_for(dave).get("/team/").content.decode()
    client_for(alice).post("/team/budget/", {"budget_usd": ""})
    assert budget_of(team) == "None"


def test_what_was_typed_wrong_stays_beside_its_message(
    team: Team, alice: User, client_for: ClientFor
) -> None:
    page = client_for(alice).post("/team/budget/", {"budget_usd": "ten"})
    assert page.status_code == 422
    html = page.content.decode()
    assert 'value="ten"' in html
    assert "Enter an amount in US dollars" in html
    assert budget_of(team) == "None"
