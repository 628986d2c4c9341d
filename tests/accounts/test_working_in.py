"""In which team somebody works: the one they went over to last, also after they have signed in again."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from fusion_site.accounts.flows.leave_team import remove_person
from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.models import Connection, Pool

TEAM_MENU = '<span class="visually-hidden">Team:</span><span>{}</span>'


def signed_in_anew(user: User) -> Client:
    """Give a browser that nothing is known of."""
    client = Client()
    client.force_login(user)
    return client


def works_in(client: Client) -> str:
    """Give the name of the team that the pages of this browser stand in."""
    name: str = client.get("/pools/").context["team"].name
    return name


def test_signing_in_goes_on_in_the_team_worked_in_last(bob: User, team: Team) -> None:
    first = signed_in_anew(bob)
    assert works_in(first) == "Bob"
    first.post("/team/switch/", {"team": team.pk})
    assert works_in(first) == "Alpha"
    second = signed_in_anew(bob)
    assert TEAM_MENU.format("Alpha") in second.get("/pools/").content.decode()
    second.post("/team/switch/", {"team": Team.objects.get(personal_of=bob).pk})
    assert works_in(first) == "Alpha", "a browser stays where it is"
    assert works_in(signed_in_anew(bob)) == "Bob"


def test_a_team_that_lets_one_in_no_more_is_passed_over(alice: User, bob: User, team: Team) -> None:
    signed_in_anew(bob).post("/team/switch/", {"team": team.pk})
    owner, place = (Membership.objects.get(team=team, user=user) for user in (alice, bob))
    remove_person(owner, place.ref)
    assert works_in(signed_in_anew(bob)) == "Bob"


def test_a_new_team_and_a_restored_one_are_gone_on_in(alice: User) -> None:
    browser = signed_in_anew(alice)
    browser.post("/teams/new/", {"name": "Beta"})
    assert works_in(signed_in_anew(alice)) == "Beta"
    browser.post("/team/delete/", {"name": "Beta"})
    assert works_in(browser) == "Alice"
    browser.post(f"/teams/{Team.objects.get(name='Beta').pk}/restore/")
    assert works_in(browser) == works_in(signed_in_anew(alice)) == "Beta"


def test_saving_and_deleting_leads_to_the_list_of_the_things_own_team(
    alice: User, team: Team, client_for: Callable[[User | None], Client]
) -> None:
    browser = client_for(alice)
    other = new_team("Beta", alice)
    pool = Pool.objects.filter(team=other).first()
    assert pool is not None
    page = browser.get(f"/pools/{pool.pk}/")
    assert works_in(browser) == "Alpha", "looking changes nothing"
    assert page.status_code == 200
    connection = Connection.objects.filter(team=other).first()
    assert connection is not None
    form = {"name": "Saved in Beta", "parallel": "8", "kind": connection.kind}
    said = browser.post(f"/connections/{connection.pk}/", form, follow=True).content.decode()
    assert "Saved in Beta" in said
    assert "You are working in Beta now." in said
    browser.post("/team/switch/", {"team": team.pk})
    assert browser.post(f"/connections/{connection.pk}/", {**form, "name": ""}).status_code == 422
    assert works_in(browser) == "Alpha", "nothing was saved"
