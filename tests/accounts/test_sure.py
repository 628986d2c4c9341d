"""Proving once more who it is before keys, tokens and factors change; what was typed goes on from where it was."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.sessions.models import Session
from django.core.signing import b64_decode
from django.test import Client

from fusion_site.accounts.factors import has_second_factor, second_factor_of
from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.models import ApiToken, Membership, User
from fusion_site.pools.flows.rotate_keys import rotate_keys
from fusion_site.pools.models import Connection
from tests.accounts.one_time import code_of

PASSWORD = "correct horse battery staple"
KEY = "sk-canary-4711"
CONNECTION = {
    "name": "Hosted",
    "kind": "openai",
    "base_url": "https://models.example.com/v1",
    "api_key": KEY,
}


@pytest.fixture
def eve(db: None) -> User:
    """Give somebody with a password."""
    user = User(email="eve@example.com")
    user.set_password(PASSWORD)
    open_account(user)
    return user


@pytest.fixture
def fresh(eve: User) -> Client:
    """Give the browser of somebody who has signed in just now."""
    client = Client()
    client.post("/accounts/login/", {"login": eve.email, "password": PASSWORD})
    return client


@pytest.fixture
def stale(fresh: Client) -> Client:
    """Give the browser of somebody who signed in sixteen minutes ago."""
    session = fresh.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 16 * 60
    session.save()
    return fresh


def confirm(client: Client, password: str = PASSWORD) -> Any:
    """Answer the question who it is."""
    return client.post("/accounts/reauthenticate/", {"password": password})


def stored_sessions() -> str:
    """Give all that is stored of sessions, as plain as it can be read."""
    plain = []
    for row in Session.objects.all():
        data = row.session_data.rsplit(":", 2)[0]
        raw = b64_decode(data.removeprefix(".").encode())
        plain.append((zlib.decompress(raw) if data.startswith(".") else raw).decode())
    return "\n".join(plain)


def test_who_has_just_signed_in_is_not_asked(fresh: Client) -> None:
    assert fresh.post("/connections/new/", CONNECTION)["Location"] == "/connections/"
    assert fresh.get("/accounts/factors/totp/activate/").status_code == 200


def test_a_typed_key_goes_on_after_the_question_and_rests_sealed_meanwhile(stale: Client) -> None:
    assert stale.get("/connections/new/").status_code == 200, "reading is never held up"
    asked = stale.post("/connections/new/", CONNECTION)
    assert asked["Location"] == "/accounts/reauthenticate/"
    assert not Connection.objects.filter(name="Hosted").exists()
    kept = stored_sessions()
    assert "account_reauthentication_state" in kept
    assert KEY not in kept
    assert confirm(stale, "a wrong password").status_code == 200
    assert not Connection.objects.filter(name="Hosted").exists()
    assert confirm(stale)["Location"] == "/connections/"
    assert Connection.objects.get(name="Hosted").key_hint
    assert json.dumps(KEY) not in stored_sessions()


def test_what_is_wrong_in_it_is_said_with_all_that_was_typed(stale: Client) -> None:
    stale.post("/connections/new/", {**CONNECTION, "base_url": "nowhere"})
    page = confirm(stale)
    assert page.status_code == 422
    assert 'value="Hosted"' in page.content.decode()
    assert 'value="nowhere"' in page.content.decode()
    saves_at = re.search(r'<form class="form" method="post" action="([^"]+)"', page.content.decode())
    assert saves_at, "the page stands at the question's address, to which its form must not go"
    assert stale.post(saves_at[1], CONNECTION)["Location"] == "/connections/"


def test_a_token_is_made_after_the_question(stale: Client) -> None:
    stale.post("/tokens/", {"name": "build server", "scopes": ["read", "run"], "days": "30"})
    assert not ApiToken.objects.exists()
    page = confirm(stale)
    assert "fus_" in page.content.decode()
    assert ApiToken.objects.get().scopes == ["run", "read"]


def test_what_one_typed_is_not_done_for_another(stale: Client, charlie: User) -> None:
    stale.post("/tokens/", {"name": "build server", "scopes": ["read"], "days": "30"})
    kept = stale.session["account_reauthentication_state"]
    charlie.set_password(PASSWORD)
    charlie.save()
    other = Client()
    other.force_login(charlie)
    session = other.session
    session["account_reauthentication_state"] = kept
    session.save()
    assert confirm(other)["Location"] == "/"
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/factors/totp/activate/",
        "/accounts/factors/webauthn/add/",
        "/accounts/factors/recovery-codes/generate/",
        "/connections/openrouter/",
    ],
)
def test_factors_and_keys_from_elsewhere_want_it_too(path: str, stale: Client) -> None:
    assert stale.get(path)["Location"].startswith("/accounts/reauthenticate/")


def test_an_app_is_removed_after_the_question_and_its_codes_answer_it(stale: Client, eve: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(eve, secret)
    assert stale.post("/accounts/factors/totp/deactivate/")["Location"].startswith("/accounts/reauth")
    assert has_second_factor(eve)
    page = stale.post(
        "/accounts/factors/reauthenticate/?next=/accounts/factors/totp/deactivate/",
        {"code": code_of(secret), "next": "/accounts/factors/totp/deactivate/"},
    )
    assert page.status_code == 302
    assert not has_second_factor(eve)


def test_recovery_codes_alone_are_no_second_factor(eve: User) -> None:
    with_factor = Membership.objects.filter(second_factor_of("user"), user=eve)
    Authenticator.objects.create(user=eve, type="recovery_codes", data={})
    assert not has_second_factor(eve)
    assert not with_factor.exists()
    Authenticator.objects.create(user=eve, type="webauthn", data={})
    assert has_second_factor(eve)
    assert with_factor.exists()


def test_a_code_is_taken_once_and_its_secret_rests_sealed(eve: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(eve, secret)
    assert secret not in str(Authenticator.objects.get().data)
    for place in ("/", "/accounts/factors/authenticate/"):
        client = Client()
        client.post("/accounts/login/", {"login": eve.email, "password": PASSWORD})
        page = client.post("/accounts/factors/authenticate/", {"code": code_of(secret)})
        assert page.get("Location", "/accounts/factors/authenticate/") == place


def test_sealed_secrets_of_factors_are_sealed_anew(eve: User, settings: Any) -> None:
    from cryptography.fernet import Fernet

    secret = generate_totp_secret()
    TOTP.activate(eve, secret)
    old = settings.FUSION_SEALING_KEYS
    settings.FUSION_SEALING_KEYS = [Fernet.generate_key().decode(), *old]
    assert rotate_keys().resealed == 1
    settings.FUSION_SEALING_KEYS = settings.FUSION_SEALING_KEYS[:1]
    assert Authenticator.objects.get().wrap().validate_code(code_of(secret))
    settings.FUSION_SEALING_KEYS = old
    assert rotate_keys().broken
