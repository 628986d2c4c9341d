"""The pages of tokens and team, as alice, bob, charlie, dave and nobody meet them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import ApiToken, Team, User
from fusion_site.accounts.tokens import holder, make_token

ClientFor = Callable[[User | None], Client]


def seen(response: Any) -> str:
    """Give a page without what is random in every page."""
    return re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"\w+"', "", response.content.decode())


def test_a_new_token_is_shown_once_and_works_in_the_current_team(
    bob: User, team: Team, client_for: ClientFor
) -> None:
    client = client_for(bob)
    page = client.post("/tokens/", {"name": " build server ", "scopes": ["run"], "days": "30"})
    assert page["Cache-Control"] == "private, no-store"
    text = list(set(re.findall(r"fus_[\w-]{43}", page.content.decode())))
    assert len(text) == 1
    token = holder(text[0])
    assert token is not None
    assert (token.user, token.team, token.name) == (bob, team, "build server")
    assert token.scopes == ["run"]
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=31)

    later = client.get("/tokens/").content.decode()
    assert text[0] not in later
    assert "build server" in later
    assert token.hint in later


@pytest.mark.parametrize("typed", ["", "   ", "x" * 121])
def test_a_name_that_will_not_do_is_said_beside_the_field_and_stays(
    typed: str, bob: User, client_for: ClientFor
) -> None:
    page = client_for(bob).post("/tokens/", {"name": typed, "scopes": ["read"]})
    assert page.status_code == 422
    html = page.content.decode()
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert not typed.strip() or f'value="{typed}"' in html
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("odd", [{}, {"scopes": ["admin"]}, {"scopes": ["read"], "days": "36500"}])
def test_scopes_and_days_are_chosen_from_what_there_is(
    odd: dict[str, Any], bob: User, client_for: ClientFor
) -> None:
    page = client_for(bob).post("/tokens/", {"name": "build server", **odd})
    assert page.status_code == 422
    assert 'value="build server"' in page.content.decode(), "nothing typed is lost"
    assert not ApiToken.objects.exists()


def test_a_name_is_text_and_never_markup(bob: User, client_for: ClientFor) -> None:
    page = client_for(bob).post("/tokens/", {"name": "<script>alert(1)</script>", "scopes": "read"})
    assert "<script>alert" not in page.content.decode()
    assert "&lt;script&gt;alert(1)" in page.content.decode()


def test_people_see_and_revoke_their_own_tokens_only(
    alice: User, bob: User, charlie: User, team: Team, client_for: ClientFor
) -> None:
    token, text = make_token(bob, team, "bobs machine")
    for person in (alice, charlie):
        client = client_for(person)
        assert "bobs machine" not in client.get("/tokens/").content.decode()
        foreign = client.post(f"/tokens/{token.pk}/revoke/")
        absent = client.post(f"/tokens/{'a' * 24}/revoke/")
        assert foreign.status_code == absent.status_code == 404
        assert seen(foreign) == seen(absent)
    assert holder(text) is not None

    gone = client_for(bob).post(f"/tokens/{token.pk}/revoke/")
    assert (gone.status_code, gone["Location"]) == (302, "/tokens/")
    assert holder(text) is None


def test_htmx_gets_the_list_without_the_revoked_token(bob: User, team: Team, client_for: ClientFor) -> None:
    token, _ = make_token(bob, team, "first machine")
    make_token(bob, team, "second machine")
    page = client_for(bob).post(f"/tokens/{token.pk}/revoke/", headers={"HX-Request": "true"})
    html = page.content.decode()
    assert html.lstrip().startswith('<section id="token-list"')
    assert "second machine" in html
    assert "first machine" not in html


def test_reading_an_address_revokes_and_switches_nothing(
    bob: User, team: Team, client_for: ClientFor
) -> None:
    token, text = make_token(bob, team, "one")
    client = client_for(bob)
    assert client.get(f"/tokens/{token.pk}/revoke/").status_code == 405
    assert client.get("/team/switch/").status_code == 405
    assert holder(text) is not None


def test_posts_from_elsewhere_are_refused(bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.post("/tokens/", {"name": "one"}).status_code == 403
    assert client.post("/team/switch/", {"team": bob.personal_team.pk}).status_code == 403
    assert not ApiToken.objects.exists()


def test_the_team_page_shows_people_and_roles(
    alice: User, bob: User, dave: User, client_for: ClientFor
) -> None:
    html = client_for(dave).get("/team/").content.decode()
    rows = re.findall(
        r'row-title">\w+(?: <span class="muted">\(you\)</span>)?</span>\s*<p[^>]*><span>(\S+@example.com)</span><span>(\w+)</span>',
        html,
    )
    assert rows == [
        ("alice@example.com", "Owner"),
        ("bob@example.com", "Editor"),
        ("dave@example.com", "Viewer"),
    ]


def test_switching_moves_the_session_to_another_own_team(
    bob: User, team: Team, client_for: ClientFor
) -> None:
    client = client_for(bob)
    response = client.post("/team/switch/", {"team": bob.personal_team.pk})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert "bob@example.com" in client.get("/team/").content.decode()
    assert "alice@example.com" not in client.get("/team/").content.decode()
    client.post("/team/switch/", {"team": team.pk})
    assert "alice@example.com" in client.get("/team/").content.decode()


def test_a_foreign_team_cannot_be_switched_to_and_does_not_show_that_it_exists(
    charlie: User, team: Team, client_for: ClientFor
) -> None:
    client = client_for(charlie)
    foreign = client.post("/team/switch/", {"team": team.pk})
    absent = client.post("/team/switch/", {"team": "a" * 24})
    missing = client.post("/team/switch/")
    assert foreign.status_code == absent.status_code == missing.status_code == 404
    assert seen(foreign) == seen(absent)
    assert "alice@example.com" not in client.get("/team/").content.decode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/tokens/"),
        ("post", "/tokens/"),
        ("post", "/tokens/abc/revoke/"),
        ("get", "/team/"),
        ("post", "/team/switch/"),
    ],
)
def test_nobody_gets_in_without_signing_in(method: str, path: str, client_for: ClientFor) -> None:
    response = getattr(client_for(None), method)(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")
