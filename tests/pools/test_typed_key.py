"""A key that was typed into a form which was refused: it need not be typed again, and is to be read nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from fusion_site.accounts.models import Team, User
from fusion_site.accounts.sealing import SealContext, origin_of, unseal
from fusion_site.pools.models import Connection
from fusion_site.pools.views import typed_key
from tests.pools.test_pages import Page, opened

KEY = "sk-typed-once-31337"
FORM = {"name": "Lab", "kind": "openai", "base_url": "https://lab.example.com/v1", "parallel": "8"}


@pytest.fixture
def browser(alice: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give alice's browser, working in the team."""
    return client_for(alice)


def refused(browser: Client, **form: str) -> Page:
    """Send a form that is wrong in something, and give the page that asks for it again."""
    page = opened(browser.post("/connections/new/", {**FORM, **form}), 422)
    assert KEY not in page.html
    return page


def again(page: Page, **changed: str) -> dict[str, Any]:
    """Give what a browser sends when the page's form is mended: password fields are empty in it."""
    return {**FORM, "api_key": "", "kept_key": page.values.get("kept_key", ""), **changed}


def key_of(row: Connection) -> str:
    return unseal(row.sealed_key, context=SealContext(row.pk, row.team_id, origin_of(row.base_url)))


def test_the_key_goes_with_the_form_until_it_is_taken(browser: Client, team: Team) -> None:
    page = refused(browser, api_key=KEY, parallel="many")
    page = opened(browser.post("/connections/new/", again(page, name="")), 422)
    stored = "".join(Session(session_data=each.session_data).session_data for each in Session.objects.all())
    assert KEY not in stored + str([each.get_decoded() for each in Session.objects.all()])
    assert browser.post("/connections/new/", again(page)).status_code == 302
    assert key_of(Connection.objects.get(team=team, name="Lab")) == KEY
    assert "typed_key" not in browser.session


def test_a_mended_address_gets_the_key_that_was_typed_for_it(browser: Client, team: Team) -> None:
    page = refused(browser, api_key=KEY, base_url="http://lab.example.com/v1")
    assert browser.post("/connections/new/", again(page)).status_code == 302
    assert key_of(Connection.objects.get(team=team, name="Lab")) == KEY


def test_another_key_replaces_it_and_a_wrong_one_is_not_kept(browser: Client, team: Team) -> None:
    page = refused(browser, api_key=KEY, parallel="many")
    page = opened(browser.post("/connections/new/", again(page, api_key="two words")), 422)
    assert "kept_key" not in page.values
    assert page.error_at("api_key")
    assert browser.post("/connections/new/", again(page, api_key="sk-other-4711")).status_code == 302
    assert key_of(Connection.objects.get(team=team, name="Lab")) == "sk-other-4711"


def test_it_is_kept_for_a_while_and_for_this_browser_and_team_only(
    browser: Client, alice: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = refused(browser, api_key=KEY, parallel="many")
    other = Client()
    other.force_login(alice)
    said = opened(other.post("/connections/new/", again(page)), 422)
    assert said.error_at("api_key") == typed_key.TYPE_IT_AGAIN
    personal = Team.objects.get(personal_of=alice)
    browser.post("/team/switch/", {"team": personal.pk})
    assert opened(browser.post("/connections/new/", again(page)), 422).error_at("api_key")
    browser.post("/team/switch/", {"team": team.pk})
    monkeypatch.setattr(typed_key, "GOOD_S", -1)
    page = refused(browser, api_key=KEY, parallel="many")
    said = opened(browser.post("/connections/new/", again(page)), 422)
    assert said.error_at("api_key") == typed_key.TYPE_IT_AGAIN
    assert "kept_key" not in said.values
    assert not Connection.objects.filter(name="Lab").exists()


def test_a_stored_key_stays_where_the_form_of_its_connection_is_refused(
    browser: Client, connection: Connection
) -> None:
    path = f"/connections/{connection.pk}/"
    form = {"name": "Hosted", "base_url": connection.base_url, "api_key": ""}
    page = opened(browser.post(path, {**form, "parallel": "many"}), 422)
    assert browser.post(path, {**form, "kept_key": page.values.get("kept_key", ""), "parallel": "8"})[
        "Location"
    ]
    connection.refresh_from_db()
    assert connection.key_hint == "4242"
