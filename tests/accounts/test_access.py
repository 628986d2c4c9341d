"""Who reaches what: rows by membership, views by sign-in and role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import AsyncClient, Client

from fusion_site.accounts.access import membership_in, visible
from fusion_site.accounts.flows.join_team import join_team
from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import ApiToken, Membership, Role, Team, User
from fusion_site.accounts.tokens import make_token

ClientFor = Callable[[User | None], Client]


@pytest.fixture
def shared(bob: User, team: Team) -> ApiToken:
    """Give a row that belongs to `team`."""
    return make_token(bob, team, "one")[0]


def test_rows_are_seen_by_the_people_of_their_team_only(
    alice: User, bob: User, charlie: User, dave: User, shared: ApiToken
) -> None:
    own = make_token(charlie, charlie.personal_team, "two")[0]
    seen = {person.name: list(visible(ApiToken, person)) for person in (alice, bob, charlie, dave)}
    assert seen == {"Alice": [shared], "Bob": [shared], "Dave": [shared], "Charlie": [own]}
    assert list(visible(ApiToken, AnonymousUser())) == []


def test_a_row_is_seen_once_however_many_people_the_team_has(
    alice: User, dave: User, shared: ApiToken
) -> None:
    assert visible(ApiToken, alice).count() == 1


def test_leaving_a_team_takes_its_rows_away(dave: User, shared: ApiToken) -> None:
    Membership.objects.filter(user=dave, team=shared.team).delete()
    assert list(visible(ApiToken, dave)) == []


def test_a_foreign_team_and_one_that_does_not_exist_look_alike(bob: User, charlie: User, team: Team) -> None:
    place = membership_in(bob, team.pk)
    assert place is not None
    assert place.role == Role.EDITOR
    assert membership_in(charlie, team.pk) is None
    assert membership_in(charlie, "no-such-team") is None
    assert membership_in(AnonymousUser(), team.pk) is None


@pytest.mark.urls("tests.accounts.guarded_urls")
@pytest.mark.parametrize("kind", ["sync", "async"])
class TestViews:
    """Each guard, around a sync and an async view."""

    def test_people_work_in_the_team_of_their_session(
        self, kind: str, bob: User, client_for: ClientFor
    ) -> None:
        response = client_for(bob).get(f"/{kind}/")
        assert response.content.decode() == "bob@example.com is editor in Alpha"

    def test_without_a_choice_people_work_in_their_personal_team(self, kind: str, bob: User) -> None:
        client = Client()
        client.force_login(bob)
        assert client.get(f"/{kind}/").content.decode() == "bob@example.com is owner in Bob"

    def test_a_team_that_was_left_gives_way_to_the_personal_one(
        self, kind: str, bob: User, team: Team, client_for: ClientFor
    ) -> None:
        client = client_for(bob)
        Membership.objects.filter(user=bob, team=team).delete()
        assert client.get(f"/{kind}/").content.decode() == "bob@example.com is owner in Bob"

    def test_strangers_are_led_to_sign_in_and_back(self, kind: str, client_for: ClientFor) -> None:
        response = client_for(None).get(f"/{kind}/?q=1")
        assert response.status_code == 302
        assert response["Location"] == f"/accounts/login/?next=/{kind}/%3Fq%3D1"

    def test_a_post_leads_back_to_the_first_page_after_sign_in(
        self, kind: str, client_for: ClientFor
    ) -> None:
        response = client_for(None).post(f"/{kind}/", {"typed": "text"})
        assert response["Location"] == "/accounts/login/?next=/"

    def test_htmx_of_another_site_is_not_led_there(self, kind: str, client_for: ClientFor) -> None:
        headers = {"HX-Request": "true", "HX-Current-URL": "http://evil.example/pools/"}
        response = client_for(None).get(f"/{kind}/", headers=headers)
        assert response["HX-Redirect"] == "/accounts/login/?next=/"

    def test_htmx_is_told_to_leave_the_page_for_sign_in_and_come_back_to_it(
        self, kind: str, client_for: ClientFor
    ) -> None:
        headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/pools/?page=2"}
        response = client_for(None).get(f"/{kind}/", headers=headers)
        assert response.status_code == 200
        assert response["HX-Redirect"] == "/accounts/login/?next=/pools/%3Fpage%3D2"
        assert response.content == b""

    @pytest.mark.parametrize(
        ("person", "status"), [("alice", 200), ("bob", 200), ("dave", 403), ("nobody", 302)]
    )
    def test_only_editors_and_owners_edit(
        self, kind: str, person: str, status: int, alice: User, bob: User, dave: User, client_for: ClientFor
    ) -> None:
        user = {"alice": alice, "bob": bob, "dave": dave, "nobody": None}[person]
        assert client_for(user).get(f"/{kind}/edit/").status_code == status

    def test_a_person_without_any_team_is_refused(self, kind: str, charlie: User) -> None:
        Membership.objects.filter(user=charlie).delete()
        client = Client()
        client.force_login(charlie)
        assert client.get(f"/{kind}/").status_code == 403


@pytest.mark.urls("tests.accounts.guarded_urls")
async def test_an_async_view_renders_pages_without_touching_the_database_on_the_loop(bob: User) -> None:
    client = AsyncClient()
    await client.aforce_login(bob)
    response = await client.get("/async/page/")
    assert response.status_code == 200
    assert response.context["team"].name == "Bob"
    assert response.context["may_edit"] is True
    assert [place.team.name for place in response.context["memberships"]] == ["Bob", "Alpha"]


def test_the_personal_team_comes_first_then_by_name(charlie: User, client_for: ClientFor) -> None:
    for name in ("Zebra", "Aardvark"):
        new_team(name, charlie)
    response = client_for(charlie).get("/team/")
    assert [place.team.name for place in response.context["memberships"]] == ["Charlie", "Aardvark", "Zebra"]


def test_a_viewer_is_shown_no_edits(dave: User, client_for: ClientFor) -> None:
    assert client_for(dave).get("/team/").context["may_edit"] is False


def test_strangers_have_no_team_in_their_pages(client_for: ClientFor) -> None:
    context = client_for(None).get("/accounts/login/").context
    assert (context["team"], context["memberships"], context["may_edit"]) == (None, [], False)


def test_a_role_changes_only_when_one_is_named(bob: User, team: Team) -> None:
    assert join_team(bob, team).role == Role.EDITOR
    assert join_team(bob, team, Role.VIEWER).role == Role.VIEWER
    assert join_team(bob, team).role == Role.VIEWER
    assert Membership.objects.filter(user=bob, team=team).count() == 1
