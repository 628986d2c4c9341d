"""Where a person is signed in, and how each of these ends."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from fusion_site.accounts import last_seen
from fusion_site.accounts.devices import device_of
from fusion_site.accounts.flows.forget_expired import forget_expired
from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.models import Kept, User

PASSWORD = "correct horse battery staple"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"


def signed_in(email: str, agent: str, address: str = "192.0.2.1") -> Client:
    """Sign in by the page, from some device at some address."""
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    page = client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    assert page.status_code == 302
    return client


def ends(page: str) -> list[str]:
    """Give the addresses of the page's buttons that end one session."""
    return re.findall(r'action="(/sessions/\d+/end/)"', page)


def is_in(client: Client) -> bool:
    """Whether the client's session is good."""
    return client.get("/tokens/").status_code == 200


@pytest.fixture
def eve(db: None) -> User:
    """Give somebody with a password."""
    user = User(email="eve@example.com")
    user.set_password(PASSWORD)
    open_account(user)
    return user


def test_the_page_says_device_and_address_with_this_one_first(eve: User) -> None:
    here = signed_in(eve.email, FIREFOX)
    signed_in(eve.email, PHONE, "2001:db8::7")
    page = here.get("/sessions/").content.decode()
    assert page.index("Firefox on Windows") < page.index("Safari on iPhone")
    assert page.index("this one") < page.index("Safari on iPhone")
    assert "192.0.2.1" in page
    assert "2001:db8::7" in page
    assert len(ends(page)) == 2


def test_ending_one_ends_that_one(eve: User) -> None:
    here, there = signed_in(eve.email, FIREFOX), signed_in(eve.email, PHONE)
    assert is_in(there)
    other = ends(here.get("/sessions/").content.decode())[1]
    assert here.post(other)["Location"] == "/sessions/"
    assert not is_in(there)
    assert is_in(here)
    assert "iPhone" not in here.get("/sessions/").content.decode()


def test_ending_all_others_leaves_this_one(eve: User) -> None:
    here, *others = [signed_in(eve.email, agent) for agent in (FIREFOX, PHONE, "curl/8")]
    here.post("/sessions/others/end/")
    assert is_in(here)
    assert not any(map(is_in, others))
    assert "End all others" not in here.get("/sessions/").content.decode()


def test_a_foreign_session_answers_as_one_that_does_not_exist(eve: User, charlie: User) -> None:
    here = signed_in(eve.email, FIREFOX)
    mine = UserSession.objects.get(user=eve).pk
    stranger = Client()
    stranger.force_login(charlie)
    assert stranger.post(f"/sessions/{mine}/end/").status_code == 404
    assert stranger.post("/sessions/999999/end/").status_code == 404
    assert stranger.get(f"/sessions/{mine}/end/").status_code == 405
    assert is_in(here)
    assert Client().get("/sessions/")["Location"].startswith("/accounts/login/")


def test_a_new_password_ends_the_others(eve: User) -> None:
    here, there = signed_in(eve.email, FIREFOX), signed_in(eve.email, PHONE)
    new = "another long passphrase"
    changed = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/accounts/password/change/", changed).status_code == 302
    assert is_in(here)
    assert not is_in(there)


def test_use_is_noted_once_a_minute(eve: User, monkeypatch: pytest.MonkeyPatch) -> None:
    here = signed_in(eve.email, FIREFOX)
    is_in(here)
    long_ago = timezone.now() - timedelta(days=1)
    UserSession.objects.update(last_seen_at=long_ago)
    is_in(here)
    assert UserSession.objects.get().last_seen_at == long_ago
    monkeypatch.setattr(last_seen, "EVERY_S", 0.0)
    is_in(here)
    assert timezone.now() - UserSession.objects.get().last_seen_at < timedelta(minutes=1)


def test_what_has_run_out_is_forgotten_and_nothing_else(eve: User) -> None:
    here, there = signed_in(eve.email, FIREFOX), signed_in(eve.email, PHONE)
    before = timezone.now() - timedelta(seconds=1)
    Session.objects.filter(session_key=there.session.session_key).update(expire_date=before)
    Kept.objects.all().delete()
    Kept.objects.create(key="old", value="1", expires_at=before)
    Kept.objects.create(key="ever", value="1", expires_at=None)
    forget_expired()
    assert [row.key for row in Kept.objects.all()] == ["ever"]
    assert [row.session_key for row in UserSession.objects.all()] == [here.session.session_key]
    assert is_in(here)


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox on Windows"),
        (PHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Linux"),
        ("curl/8", "curl/8"),
        ("", "unknown"),
    ],
)  # fmt: skip
def test_devices_are_told_in_words(agent: str, device: str) -> None:
    assert device_of(agent) == device
