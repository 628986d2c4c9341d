"""An account without a password, on a site that confirms addresses: from an invitation's mail to the second sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import VIEWPORT, open_page
from tests.browser.test_sign_in import give_device, is_in, sign_out
from tests.mail_server import MailServer
from tests.site_process import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    """Give the site's mail server."""
    server = MailServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[Site]:
    """Give a site under a name, which lets in only people whose address is confirmed."""
    running = Site(tmp_path_factory.mktemp("site"))
    running.url = running.url.replace("127.0.0.1", "localhost")
    running.env |= {
        "FUSION_URL": running.url,
        "FUSION_EMAIL_URL": mail.url,
        "FUSION_EMAIL_VERIFICATION": "mandatory",
    }
    try:
        yield running.start()
    finally:
        running.close()


def sign_up_by_passkey(page: Page, mail: MailServer) -> None:
    """Go on from the form that holds the address, through the code in the mail, to a passkey."""
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Code").fill("WRONG1")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".field-error")).to_contain_text("Incorrect code.")
    told = mail.next()
    code = str(told["Subject"]).removeprefix("Fusion: ").split(" ")[0]
    assert code in told.get_content()
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="Your passkey")).to_be_visible()
    page.get_by_role("button", name="Make the passkey").click()


def test_an_invited_person_opens_an_account_with_a_passkey_alone(
    page: Page, browser: Browser, site: Site, mail: MailServer
) -> None:
    give_device(page)
    page.goto("/accounts/signup/")
    page.get_by_role("link", name="Create one with a passkey").click()
    page.get_by_label("E-mail address").fill("owner@example.com")
    sign_up_by_passkey(page, mail)
    is_in(page, "owner@example.com")
    page.goto("/teams/new/")
    page.get_by_label("Name").fill("Alpha")
    page.get_by_role("button", name="Make the team").click()
    page.get_by_label("E-mail address").fill("guest@example.com")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_text("The invitation was mailed to guest@example.com")).to_be_visible()

    invitation = mail.next()
    while "Join the team Alpha" not in str(
        invitation["Subject"]
    ):  # the owner is told of the new passkey, too
        invitation = mail.next()
    link = re.search(r"https?://\S+/join/\S+", invitation.get_content())
    assert link is not None
    context = browser.new_context(base_url=site.url, viewport=VIEWPORT)
    guest = open_page(context)
    give_device(guest)
    guest.goto(link[0])
    guest.get_by_role("link", name="Create an account").click()
    expect(guest.get_by_label("E-mail address")).to_have_value("guest@example.com")
    guest.get_by_role("link", name="Create one with a passkey").click()
    expect(guest.get_by_label("E-mail address")).to_have_value("guest@example.com")
    sign_up_by_passkey(guest, mail)
    guest.get_by_role("button", name="Join Alpha").click()
    expect(guest.get_by_text("You are in Alpha now, as editor.")).to_be_visible()
    sign_out(guest)
    guest.get_by_role("button", name="Sign in with a passkey").click()
    is_in(guest, "guest@example.com")
    context.close()
