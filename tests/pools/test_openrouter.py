"""OpenRouter is connected by one click, through a stand-in that checks what OpenRouter checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.access import SESSION_TEAM
from fusion_site.accounts.models import Membership, Role, Team, User
from fusion_site.accounts.sealing import SealContext, origin_of, unseal
from fusion_site.pools.models import Connection
from fusion_site.pools.views.openrouter import SESSION_CONSENT
from tests.pools.openrouter import KEY, OpenRouter, query_of

LEAVE = "/connections/openrouter/"


@pytest.fixture
def browser(alice: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give alice's browser, working in the team."""
    return client_for(alice)


def leave(browser: Client) -> dict[str, str]:
    """Follow the link, and give what OpenRouter's page is asked."""
    answer = browser.get(LEAVE)
    assert answer.status_code == 302, answer.content
    return query_of(answer["Location"])


def said(browser: Client, address: str) -> str:
    """Come back by an address, and give the message on top of the list that follows."""
    answer = browser.get(address)
    assert (answer.status_code, answer["Location"]) == (302, "/connections/"), answer.content
    [message] = browser.get("/connections/").context["messages"]
    return str(message)


def connected() -> list[Connection]:
    """Give all connections to OpenRouter."""
    return list(Connection.objects.filter(kind="openrouter").order_by("created_at"))


def test_a_person_who_allows_it_has_a_connection_that_works(
    browser: Client, team: Team, openrouter: OpenRouter
) -> None:
    answer = browser.get(LEAVE)
    assert answer["Location"].startswith(f"{openrouter.auth_url}?")
    asked = query_of(answer["Location"])
    kept = browser.session[SESSION_CONSENT]
    assert asked["callback_url"] == f"http://testserver/connections/openrouter/{kept['state']}/"
    assert asked["code_challenge_method"] == "S256"
    assert kept["verifier"] not in answer["Location"]
    assert len(kept["verifier"]) >= 43  # RFC 7636 section 4.1
    assert said(browser, openrouter.allow(asked)) == "“OpenRouter” is connected for Alpha."
    [row] = connected()
    assert (row.team, row.base_url, row.state) == (team, openrouter.url, "ready")
    context = SealContext(connection=row.pk, team=team.pk, origin=origin_of(row.base_url))
    assert unseal(row.sealed_key, context=context) == KEY
    assert KEY not in row.sealed_key
    assert row.catalogue.count() == 1
    assert row.key_facts is not None
    assert row.key_facts["limit_remaining"] == "3.25"
    assert SESSION_CONSENT not in browser.session
    assert KEY not in browser.get("/connections/").content.decode()


def test_each_connection_has_a_name_of_its_own(browser: Client, openrouter: OpenRouter) -> None:
    for _ in range(3):
        browser.get(openrouter.allow(leave(browser)))
    assert [row.name for row in connected()] == ["OpenRouter", "OpenRouter 2", "OpenRouter 3"]


def test_a_way_back_is_good_once(browser: Client, openrouter: OpenRouter) -> None:
    back = openrouter.allow(leave(browser))
    browser.get(back)
    browser.get("/connections/")
    assert "used already" in said(browser, back)
    assert (len(openrouter.exchanges), len(connected())) == (1, 1)


def test_a_code_is_not_tried_twice_after_a_failure(browser: Client, openrouter: OpenRouter) -> None:
    back = openrouter.allow(leave(browser))
    openrouter.refusal = (502, {"error": {"message": "Bad gateway", "code": 502}})
    assert "gave no key" in said(browser, back)
    openrouter.refusal = None
    assert "used already" in said(browser, back)
    assert len(openrouter.exchanges) == 1


def test_a_strange_state_is_refused_and_takes_nothing_away(browser: Client, openrouter: OpenRouter) -> None:
    asked = leave(browser)
    assert "not begun in this browser" in said(browser, f"{LEAVE}guessed/?code=stolen")
    assert "not begun in this browser" in said(browser, f"{LEAVE}gu%C3%A9ss%00ed/?code=stolen")
    assert openrouter.exchanges == []
    browser.get(openrouter.allow(asked))
    assert len(connected()) == 1


def test_a_colleague_cannot_go_the_way_back(
    browser: Client, bob: User, client_for: Callable[[User | None], Client], openrouter: OpenRouter
) -> None:
    back = openrouter.allow(leave(browser))
    assert "not begun in this browser" in said(client_for(bob), back)
    nobody = client_for(None).get(back)
    assert nobody["Location"].startswith("/accounts/login/")
    assert (openrouter.exchanges, connected()) == ([], [])


@pytest.mark.parametrize("query", ["?error=access_denied", "?error=access_denied&code=x", "", "?code="])
def test_who_denies_it_has_no_connection(browser: Client, openrouter: OpenRouter, query: str) -> None:
    asked = leave(browser)
    assert "no key was allowed there" in said(browser, asked["callback_url"] + query)
    assert "used already" in said(browser, openrouter.allow(asked))
    assert (openrouter.exchanges, connected()) == ([], [])


@pytest.mark.parametrize("shift", [-601, 3600])
def test_ten_minutes_are_the_limit(browser: Client, openrouter: OpenRouter, shift: int) -> None:
    back = openrouter.allow(leave(browser))
    session = browser.session
    session[SESSION_CONSENT] = {
        **session[SESSION_CONSENT],
        "began_at": session[SESSION_CONSENT]["began_at"] + shift,
    }
    session.save()
    assert "ten minutes" in said(browser, back)
    assert (openrouter.exchanges, connected()) == ([], [])


def test_openrouter_checks_the_verifier(browser: Client, openrouter: OpenRouter) -> None:
    """The stand-in knows the challenge only: a code for another one buys nothing."""
    asked = leave(browser)
    back = openrouter.allow({**asked, "code_challenge": "A" * 43})
    message = said(browser, back)
    assert "it may have expired" in message
    assert "Invalid code or code_verifier" in message
    assert openrouter.exchanges[0]["code_verifier"] not in message
    assert connected() == []


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, {"error": {"message": "Authorization code expired", "code": 403}}), "may have expired"),
        ((400, {"error": {"message": "Invalid code_challenge_method", "code": 400}}), "did not accept"),
        ((500, {"error": {"message": "Oops", "code": 500}}), "gave no key"),
        ((200, {"user_id": "user_1"}), "it holds no key"),
        ((307, {}), "redirects"),
    ],
)
def test_what_openrouter_refuses_is_said(
    browser: Client, openrouter: OpenRouter, refusal: Any, words: str
) -> None:
    back = openrouter.allow(leave(browser))
    openrouter.refusal = refusal
    assert words in said(browser, back)
    assert connected() == []


def test_openrouter_may_be_out_of_reach(browser: Client, openrouter: OpenRouter) -> None:
    back = openrouter.allow(leave(browser))
    openrouter.close()
    assert "could not be reached" in said(browser, back)
    assert connected() == []


def test_a_key_that_does_not_work_is_kept_and_said(browser: Client, openrouter: OpenRouter) -> None:
    back = openrouter.allow(leave(browser))
    openrouter.refusal = (200, {"key": "sk-or-v1-limited"})
    browser.get(back)
    page = browser.get("/connections/")
    assert [message.level_tag for message in page.context["messages"]] == ["success", "error"]
    [row] = connected()
    assert row.state == "failing"


def test_viewers_and_nobody_do_not_leave(
    dave: User, client_for: Callable[[User | None], Client], openrouter: OpenRouter
) -> None:
    assert client_for(dave).get(LEAVE).status_code == 403
    assert LEAVE not in client_for(dave).get("/connections/").content.decode()
    assert client_for(None).get(LEAVE)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("is_gone", [False, True])
def test_who_lost_the_right_meanwhile_connects_nothing(
    bob: User,
    team: Team,
    client_for: Callable[[User | None], Client],
    openrouter: OpenRouter,
    is_gone: bool,
) -> None:
    browser = client_for(bob)
    back = openrouter.allow(leave(browser))
    place = Membership.objects.filter(user=bob, team=team)
    if is_gone:
        place.delete()
        assert "Nothing was changed" in said(browser, back)
    else:
        place.update(role=Role.VIEWER)
        assert browser.get(back).status_code == 403
    assert (openrouter.exchanges, connected()) == ([], [])


def test_the_team_is_the_one_in_which_it_was_begun(
    alice: User, browser: Client, team: Team, openrouter: OpenRouter
) -> None:
    back = openrouter.allow(leave(browser))
    session = browser.session
    session[SESSION_TEAM] = Team.objects.get(personal_of=alice).pk
    session.save()
    shown = browser.get(back, follow=True).context["messages"]
    assert [str(each) for each in shown] == [
        "“OpenRouter” is connected for Alpha.",
        "You are working in Alpha now.",
    ]
    assert connected()[0].team == team


def test_only_a_link_leads_there(browser: Client, openrouter: OpenRouter) -> None:
    assert browser.post(LEAVE).status_code == 405
    for path in ("/connections/", "/connections/new/"):
        link = rf'<a class="button[^"]*" href="{LEAVE}">Connect OpenRouter</a>'
        assert re.search(link, browser.get(path).content.decode())
