"""What the site mails about accounts: a new password, and whether an address is somebody's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.models import AuditEntry, User
from tests.accounts.one_time import code_of

PASSWORD = "correct horse battery staple"
NEW = "another long passphrase"


def link_in(mail: EmailMessage) -> str:
    """Give the path of the mail's link, which leads to the site's own address."""
    found = re.search(rf"{re.escape(settings.FUSION_URL)}(/\S+)", str(mail.body))
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


def test_mails_are_in_plain_words_and_lead_to_the_sites_own_address(
    eve: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    """Whoever asks chooses the name in the request; it must not decide where the link for a password leads."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    asking = Client(headers={"host": "localhost:6666"})
    for email in (eve.email, "nobody@example.com"):
        asking.post("/accounts/password/reset/", {"email": email})
    asking.post("/accounts/signup/", {"email": eve.email, "password1": PASSWORD})
    assert [mail.subject for mail in mailoutbox] == [
        "Fusion: Set a new password",
        "Fusion: There is no account with this address",
        "Fusion: You have an account already",
    ]
    for mail in mailoutbox:
        assert "localhost:6666" not in str(mail.body)
        assert link_in(mail).startswith("/accounts/")
        assert str(mail.body).endswith(settings.FUSION_URL)
        assert "&amp;" not in str(mail.body)


def test_people_are_told_by_mail_what_changes_at_their_account(
    eve: User, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_NOTIFICATIONS = True
    client = Client(headers={"user-agent": 'Lynx <on> a "VT100"'}, REMOTE_ADDR="192.0.2.7")
    client.post("/accounts/login/", {"login": eve.email, "password": PASSWORD})
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    [mail] = mailoutbox
    assert (mail.subject, mail.to) == ("Fusion: Your password was changed", [eve.email])
    assert "192.0.2.7" in str(mail.body)
    assert 'Lynx <on> a "VT100"' in str(mail.body), "this is no HTML"
    assert link_in(mail) == "/sessions/"


def test_a_mail_server_that_takes_nothing_breaks_no_page(
    eve: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 1
    client = Client()
    said = [
        client.post("/accounts/password/reset/", {"email": email}, follow=True).content.decode()
        for email in (eve.email, "nobody@example.com")
    ]
    assert all("did not take the mail" in each for each in said), "of nobody's address it says the same"
    assert "a mail about an account could not be sent: ConnectionRefusedError" in caplog.text
    assert eve.email not in caplog.text
    settings.ACCOUNT_EMAIL_NOTIFICATIONS = True
    client.post("/accounts/login/", {"login": eve.email, "password": PASSWORD})
    changed = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert (
        "did not take" not in client.post("/accounts/password/change/", changed, follow=True).content.decode()
    )
    eve.refresh_from_db()
    assert eve.check_password(NEW)


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
