"""Guessing is slow: how many tries there are at sign-in, sign-up, reset and codes, and what comes after them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client

from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.models import Kept, User

PASSWORD = "correct horse battery staple"


@pytest.fixture
def eve(db: None) -> User:
    """Give somebody with a password."""
    user = User(email="eve@example.com")
    user.set_password(PASSWORD)
    open_account(user)
    return user


def sign_in(client: Client, password: str, email: str = "eve@example.com", **headers: str) -> Any:
    """Post the sign-in page's form."""
    return client.post("/accounts/login/", {"login": email, "password": password}, headers=headers)


def is_too_often(page: Any, *, at_most_s: int) -> bool:
    """Whether it is the page that says when to come back, and says so to programs as well."""
    wait = int(page["Retry-After"])
    told = re.search(r"Come back in (\d+) (second|minute)", page.content.decode())
    assert told is not None
    seconds = int(told[1]) * (60 if told[2] == "minute" else 1)
    return page.status_code == 429 and 0 < wait <= at_most_s and wait <= seconds < wait + 60


def test_five_wrong_passwords_are_enough_whatever_comes_next(eve: User) -> None:
    for _ in range(5):
        assert sign_in(Client(), "a wrong password").status_code == 200
    assert is_too_often(sign_in(Client(), "a wrong password"), at_most_s=300)
    right = sign_in(Client(), PASSWORD)
    assert is_too_often(right, at_most_s=300)
    assert "sessionid" not in right.cookies
    assert "sid" not in right.cookies


def test_the_count_is_of_the_address_in_any_case_and_at_any_name_of_the_site(eve: User) -> None:
    for host in ("localhost", "127.0.0.1", "localhost:1", "localhost:2", "localhost:3"):
        sign_in(Client(), "a wrong password", "EVE@example.com", host=host)
    assert is_too_often(sign_in(Client(), PASSWORD), at_most_s=300)


def test_others_sign_in_meanwhile_from_elsewhere(eve: User) -> None:
    other = User(email="mallory@example.com")
    other.set_password(PASSWORD)
    open_account(other)
    for _ in range(6):
        sign_in(Client(), "a wrong password")
    page = Client(REMOTE_ADDR="192.0.2.7").post(
        "/accounts/login/", {"login": other.email, "password": PASSWORD}
    )
    assert (page.status_code, page["Location"]) == (302, "/")


def test_what_was_counted_survives_the_process_and_holds_no_pickle(eve: User) -> None:
    for _ in range(5):
        sign_in(Client(), "a wrong password")
    rows = [row for row in Kept.objects.all() if "login_failed" in row.key]
    assert rows
    assert all(re.fullmatch(r"\[[\d., ]*\]", row.value) for row in rows)
    assert not any("eve@" in row.key for row in rows)


def test_sign_up_and_reset_have_their_limits(db: None) -> None:
    client = Client()
    pages = [client.post("/accounts/signup/", {"email": "no address"}) for _ in range(21)]
    assert [page.status_code for page in pages[:20]] == [200] * 20
    assert is_too_often(pages[20], at_most_s=60)
    resets = [client.post("/accounts/password/reset/", {"email": "eve@example.com"}) for _ in range(6)]
    assert is_too_often(resets[5], at_most_s=60)


def test_a_second_factor_cannot_be_guessed(eve: User) -> None:
    TOTP.activate(eve, generate_totp_secret())
    client = Client()
    assert sign_in(client, PASSWORD)["Location"] == "/accounts/factors/authenticate/"
    pages = [client.post("/accounts/factors/authenticate/", {"code": f"{code:06}"}) for code in range(6)]
    assert [page.status_code for page in pages[:5]] == [200] * 5
    assert is_too_often(pages[5], at_most_s=300)
    assert client.get("/tokens/").status_code == 302


def test_the_cache_keeps_adds_and_forgets(db: None) -> None:
    assert cache.add("one", [1, 2.5], 60)
    assert not cache.add("one", [3], 60)
    assert cache.get("one") == [1, 2.5]
    cache.set("one", {"a": None})
    assert cache.get("one") == {"a": None}
    assert cache.touch("one", -1)
    assert cache.get("one", "gone") == "gone"
    assert cache.add("one", 4, None), "what has expired is absent"
    assert cache.delete("one")
    assert not cache.delete("one")
