"""What OpenRouter tells of a key is kept with the check, shown on the connection's row, and gone with the key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.keys import key_words
from fusion_site.pools.models import Connection
from tests.pools.models_server import ModelsServer
from tests.pools.openrouter import KEY, OpenRouter

UNKNOWN = dict.fromkeys(("limit_remaining", "limit", "usage", "is_free_tier", "expires_at"))


@pytest.fixture
def router(place: Membership, openrouter: OpenRouter) -> Connection:
    """Give a connection to it with a good key."""
    return save_connection(
        place, {"name": "OR", "kind": "openrouter", "base_url": openrouter.url, "api_key": KEY}
    )


def checked(user: User, team: Team, row: Connection) -> Any:
    """Give what a program hears that tests a connection."""
    token = make_token(user, team, "t")[1]
    answer = Client().post(f"/api/v1/connections/{row.pk}/check", HTTP_AUTHORIZATION=f"Bearer {token}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_programs_hear_what_is_left_of_the_key(alice: User, team: Team, router: Connection) -> None:
    facts = {"limit_remaining": "3.25", "limit": "10", "usage": "6.75"}
    assert checked(alice, team, router) == {
        "ok": True,
        "error": None,
        "key": facts | {"is_free_tier": False, "expires_at": None},
    }
    router.refresh_from_db()
    assert router.catalogue.count() == 1


def test_a_refused_key_tells_nothing(alice: User, team: Team, place: Membership, router: Connection) -> None:
    checked(alice, team, router)
    row = save_connection(place, {"api_key": "sk-or-v1-other"}, router)
    assert row.key_facts is None
    answer = checked(alice, team, row)
    assert (answer["ok"], answer["error"]["kind"], answer["key"]) == (False, "auth", None)


def test_other_servers_tell_nothing_of_keys(
    alice: User, team: Team, place: Membership, models_server: ModelsServer
) -> None:
    row = save_connection(place, {"name": "Lab", "kind": "openai", "base_url": models_server.url})
    assert checked(alice, team, row) == {"ok": True, "error": None, "key": None}


@pytest.mark.parametrize("headers", [{}, {"HTTP_HX_REQUEST": "true"}])
def test_the_row_shows_what_is_left(
    alice: User,
    client_for: Callable[[User | None], Client],
    openrouter: OpenRouter,
    router: Connection,
    headers: dict[str, Any],
) -> None:
    openrouter.facts |= {"is_free_tier": True, "expires_at": "2031-03-04T00:00:00Z"}
    browser = client_for(alice)
    answer = browser.post(f"/connections/{router.pk}/check/", **headers)
    html = (answer if headers else browser.get("/connections/")).content.decode()
    assert "Key: $3.25 of $10.00 left, $6.75 used, free tier, key expires 4 Mar 2031." in html


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (None, []),
        ({}, []),
        ({"usage": "0.004"}, ["$0.0040 used"]),
        ({"limit": "5"}, []),
        ({"limit": "5", "limit_remaining": "0"}, ["nothing of $5.00 left"]),
        ({"limit": "5", "limit_remaining": "-0.5"}, ["nothing of $5.00 left"]),
        ({"limit_remaining": "2"}, ["$2.00 left"]),
        ({"is_free_tier": False}, []),
        ({"expires_at": "2020-01-02T03:04:05+00:00"}, ["key expired 2 Jan 2020"]),
    ],
)
def test_words_say_only_what_is_known(facts: Any, words: list[str]) -> None:
    assert key_words(facts and UNKNOWN | facts) == words
