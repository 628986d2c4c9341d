"""Passkeys, an authenticator app and recovery codes, set up and used in a real browser under the real policy."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts.one_time import code_of
from tests.browser.conftest import _WATCH_POLICY, VIEWPORT, open_page
from tests.browser.test_accounts import PASSWORD, sign_up
from tests.site_process import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def named(browser: Browser, site: Site) -> Iterator[Page]:
    """Give a page of the site under a name, since passkeys are bound to one, and a device that keeps them."""
    context = browser.new_context(base_url=f"http://localhost:{site.port}", viewport=VIEWPORT)
    context.add_init_script(_WATCH_POLICY)
    complaints: list[str] = []
    page = open_page(context)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(error.message))
    give_device(page)
    yield page
    context.close()
    assert not complaints, complaints


def give_device(page: Page) -> None:
    """Give the page's browser a device that keeps passkeys."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    device = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    sure = {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": {**device, **sure}})


def sign_out(page: Page) -> None:
    """Use the account menu."""
    page.goto("/")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/")


def give_password(page: Page, email: str) -> None:
    """Fill in and send the sign-in form."""
    page.goto("/accounts/login/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def is_in(page: Page, email: str) -> None:
    """Wait until this person is signed in."""
    page.wait_for_url(re.compile(r":\d+/$"))
    page.get_by_role("button", name="Account").click()
    expect(page.locator("#account-menu")).to_contain_text(email)
    page.keyboard.press("Escape")


def give_code(page: Page, secret: str) -> None:
    """Give the app's code, and the next one if the time of that was over before it came to the site."""
    code, status = "", 0
    while status != 302 and code != code_of(secret):
        code = code_of(secret)
        page.get_by_label("Code from the app").fill(code)
        with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            page.get_by_role("button", name="Set up the app").click()
        status = answered.value.status


def test_a_passkey_signs_in_alone_and_is_a_second_factor_and_can_be_removed(named: Page) -> None:
    sign_up(named, "keys@example.com")
    named.goto("/accounts/factors/")
    named.get_by_role("link", name="Add a passkey").click()
    named.get_by_label("Name").fill("This laptop")
    named.get_by_role("button", name="Add a passkey").click()
    expect(named.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(named.get_by_label("Recovery codes").get_by_role("listitem")).to_have_count(10)

    sign_out(named)
    named.get_by_role("button", name="Sign in with a passkey").click()
    is_in(named, "keys@example.com")

    sign_out(named)
    give_password(named, "keys@example.com")
    expect(named.get_by_role("heading", name="One more step")).to_be_visible()
    named.goto("/accounts/factors/")
    expect(named).to_have_url(re.compile("/accounts/factors/authenticate/$"))
    named.get_by_role("button", name="Use a passkey or security key").click()
    is_in(named, "keys@example.com")

    named.goto("/accounts/factors/webauthn/reauthenticate/?next=/accounts/factors/webauthn/")
    named.get_by_role("button", name="Use a passkey or security key").click()
    expect(named.get_by_text("This laptop")).to_be_visible()
    expect(named.get_by_text("signs you in alone")).to_be_visible()
    named.get_by_role("link", name="Remove This laptop").click()
    named.get_by_role("button", name="Remove it").click()
    expect(named.get_by_text("No passkeys yet")).to_be_visible()
    sign_out(named)
    give_password(named, "keys@example.com")
    is_in(named, "keys@example.com")


def test_an_address_of_numbers_cannot_keep_a_passkey_and_says_so(page: Page) -> None:
    sign_up(page, "numbers@example.com")
    page.goto("/accounts/factors/webauthn/add/")
    page.get_by_label("Name").fill("Mine")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("Passkeys need this site's name in the address bar")
    expect(page.get_by_label("Name")).to_have_value("Mine")


def test_an_app_is_scanned_and_its_codes_and_recovery_codes_let_in_once(page: Page) -> None:
    sign_up(page, "app@example.com")
    page.goto("/accounts/factors/")
    page.get_by_role("link", name="Set up an app").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    secret = page.get_by_label("Cannot scan it?").input_value()
    page.get_by_label("Code from the app").fill("000000")
    page.get_by_role("button", name="Set up the app").click()
    expect(page.get_by_text("Incorrect code.")).to_be_visible()
    assert page.get_by_label("Cannot scan it?").input_value() == secret
    give_code(page, secret)
    shown = page.get_by_label("Recovery codes").get_by_role("listitem")
    expect(shown).to_have_count(10)
    codes = shown.all_inner_texts()

    for word in (codes[0], codes[1]):
        sign_out(page)
        give_password(page, "app@example.com")
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("Incorrect code.")).to_be_visible()
        page.get_by_label("Code").fill(word)
        page.get_by_role("button", name="Sign in", exact=True).click()
        is_in(page, "app@example.com")
    page.goto("/accounts/factors/")
    expect(page.get_by_text("8 left")).to_be_visible()

    sign_out(page)
    give_password(page, "app@example.com")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("Incorrect code.")).to_be_visible()
