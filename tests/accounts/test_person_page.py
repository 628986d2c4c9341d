"""What others see of a person, and what pages say to those who may not do something."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from fusion_site.accounts.models import Adders, Membership, Role, Team, User

ClientFor = Callable[[User | None], Client]


def text_at(client: Client, path: str) -> str:
    """Give a page as it was sent."""
    return client.get(path).content.decode()


def test_a_person_gives_a_name_which_the_team_sees(alice: User, bob: User, client_for: ClientFor) -> None:
    browser = client_for(bob)
    assert browser.post("/you/", {"name": "  Bob <b>B.</b> "})["Location"] == "/you/"
    assert 'value="Bob &lt;b&gt;B.&lt;/b&gt;"' in text_at(browser, "/you/")
    assert "Bob &lt;b&gt;B.&lt;/b&gt;" in text_at(client_for(alice), "/team/")
    browser.post("/you/", {"name": ""})
    bob.refresh_from_db()
    assert bob.name == ""
    assert 'row-title">bob@example.com' in text_at(client_for(alice), "/team/")


def test_a_name_that_will_not_do_is_refused_and_stays_typed(bob: User, client_for: ClientFor) -> None:
    for wrong in ("two\nlines", "x" * 121):
        page = client_for(bob).post("/you/", {"name": wrong})
        assert page.status_code == 422
        assert 'id="id_name_error"' in page.content.decode()
        assert wrong.splitlines()[-1] in page.content.decode()
    bob.refresh_from_db()
    assert bob.name == "Bob"


def test_the_only_owner_is_told_how_to_go_instead_of_offered_to(
    alice: User, bob: User, team: Team, client_for: ClientFor
) -> None:
    page = text_at(client_for(alice), "/team/")
    assert "You are its only owner" in page
    assert "/team/leave/" not in page
    assert "Save the role of alice@example.com" not in page
    assert "/team/leave/" in text_at(client_for(bob), "/team/")
    Membership.objects.filter(user=bob, team=team).update(role=Role.OWNER)
    page = text_at(client_for(alice), "/team/")
    assert "/team/leave/" in page
    assert "Save the role of alice@example.com" in page


def test_who_may_not_do_something_is_told_why(
    bob: User, dave: User, team: Team, client_for: ClientFor
) -> None:
    assert "Your role in this team is viewer" in text_at(client_for(dave), "/pools/new/")
    assert "Only owners of the team may read its audit trail." in text_at(client_for(bob), "/team/audit/")
    assert "Only owners of Alpha add connections" not in text_at(client_for(bob), "/connections/")
    Team.objects.filter(pk=team.pk).update(connections_by=Adders.OWNERS)
    assert "Only owners of Alpha add connections" in text_at(client_for(bob), "/connections/")
    assert client_for(bob).get("/connections/new/").status_code == 403
