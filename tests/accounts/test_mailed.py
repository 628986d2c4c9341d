"""What the site mails about accounts: a new password, and whether an address is somebody's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.models import AuditEntry, User
from tests.accounts.one_time import code_of

PASSWORD = "correct horse battery staple"
NEW = "another long passphrase"


def link_in(mail: EmailMessage) -> str:
    """Give the path of the mail's link."""
    found = re.search(r"https?://testserver(/\S+)", str(mail.body))
    assert found is not None, mail.body
    return found[1]


@pytest.fixture
def eve(db: None) -> User:
    """Give somebody with a password."""
    user = User(email="eve@example.com")
    user.set_password(PASSWORD)
    open_account(user)
    return user


def test_a_forgotten_password_is_set_anew_by_mail_and_ends_all_sessions(
    eve: User, mailoutbox: list[EmailMessage]
) -> None:
    thief = Client()
    thief.post("/accounts/login/", {"login": eve.email, "password": PASSWORD})
    assert thief.get("/tokens/").status_code == 200
    client = Client()
    assert client.post("/accounts/password/reset/", {"email": "EVE@example.com"}).status_code == 302
    form = client.get(link_in(mailoutbox[0]))["Location"]
    done = client.post(form, {"password1": NEW, "password2": NEW})
    assert done.status_code == 302
    assert thief.get("/tokens/").status_code == 302
    assert client.post("/accounts/login/", {"login": eve.email, "password": NEW})["Location"] == "/"
    assert "no longer works" in Client().get(link_in(mailoutbox[0])).content.decode()


def test_nobody_learns_who_has_an_account(eve: User, mailoutbox: list[EmailMessage]) -> None:
    pages = [
        Client().post("/accounts/password/reset/", {"email": email})
        for email in (eve.email, "no@example.com")
    ]
    assert pages[0].status_code == pages[1].status_code == 302
    assert pages[0]["Location"] == pages[1]["Location"]


def test_an_address_is_confirmed_before_its_person_is_let_in(
    db: None, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    client = Client()
    client.post("/accounts/signup/", {"email": "new@example.com", "password1": PASSWORD})
    assert client.get("/tokens/").status_code == 302
    assert not EmailAddress.objects.get().verified
    path = link_in(mailoutbox[0])
    assert "Is this your address?" in client.get(path).content.decode()
    client.post(path)
    assert EmailAddress.objects.get().verified
    client.post("/accounts/login/", {"login": "new@example.com", "password": PASSWORD})
    assert client.get("/tokens/").status_code == 200


def test_a_site_without_mail_says_so_where_it_would_send_some(db: None, settings: Settings) -> None:
    assert "sends no mail" in Client().get("/accounts/password/reset/").content.decode()
    settings.FUSION_SENDS_MAIL = True
    assert "sends no mail" not in Client().get("/accounts/password/reset/").content.decode()


def test_what_people_sign_in_with_is_in_the_audit_trail(
    eve: User, django_capture_on_commit_callbacks: Any
) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": eve.email, "password": PASSWORD})
    page = client.get("/accounts/factors/totp/activate/")
    secret = page.context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/factors/totp/activate/", {"code": code_of(secret)})
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/factors/recovery-codes/generate/")
    client.post("/accounts/factors/totp/deactivate/")
    told = AuditEntry.objects.filter(kind="factor", team=eve.personal_team).order_by("id")
    assert [f"{entry.action} {entry.details['type']}" for entry in told] == [
        "factor.added totp",
        "factor.added recovery_codes",
        "factor.reset recovery_codes",
        "factor.removed totp",
        "factor.removed recovery_codes",
    ]
    assert secret not in str(list(AuditEntry.objects.values()))
