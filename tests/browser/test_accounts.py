"""A person's way in: sign up, make a token, revoke it, sign out, in a real browser under the real policy."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.site_process import Site

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery staple"
_LISTEN = """(button) => {
  window.said = [];
  const options = { childList: true, characterData: true, subtree: true };
  new MutationObserver(() => window.said.push(button.textContent)).observe(button, options);
}"""
# The first page, and no other one ("**/" is also the page that one comes from).
HOME = re.compile(r"^\w+://[^/]+/$")


def sign_up(page: Page, email: str) -> None:
    """Open an account through the sign-up page."""
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail", exact=False).fill(email)
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_url(HOME)


def make_token(page: Page, name: str = "build server") -> str:
    """Make an API token for the person of the page, good for everything, and give it."""
    page.goto("/tokens/")
    page.locator("[name='scopes'][value='manage']").check()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make a token").click()
    return page.locator("#made-token").inner_text()


def copies(button: Locator) -> str:
    """Press a copy button, wait until it has said "Copied", which it says for two seconds, and give what was copied."""
    button.evaluate(_LISTEN)
    button.click()
    button.page.wait_for_function("() => said.some((words) => words.includes('Copied'))")
    copied: str = button.page.evaluate("navigator.clipboard.readText()")
    return copied


def me(site: Site, token: str) -> tuple[int, dict[str, object]]:
    """Ask the API whose token this is."""
    request = urllib.request.Request(f"{site.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_token_made_on_the_page_works_until_it_is_revoked_there(page: Page, site: Site) -> None:
    sign_up(page, "token@example.com")
    token = make_token(page)
    assert re.fullmatch(r"fus_[\w-]{43}", token)
    status, body = me(site, token)
    assert (status, body["email"]) == (200, "token@example.com")

    page.goto("/tokens/")
    assert token not in page.content()
    page.get_by_role("button", name="Revoke build server").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Revoke the token “build server”?")
    dialog.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("No tokens yet")).to_be_visible()
    assert me(site, token)[0] == 401


def test_a_bad_name_is_said_beside_the_field(page: Page, tolerated: list[str]) -> None:
    tolerated.append("status of 422")
    sign_up(page, "bad@example.com")
    page.goto("/tokens/")
    page.get_by_label("Name").fill("   ")
    page.get_by_role("button", name="Make a token").click()
    field = page.get_by_label("Name")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#id_name_error")).to_have_text("Give the token a name.")


def test_signing_out_ends_the_session(page: Page) -> None:
    sign_up(page, "leaving@example.com")
    page.goto("/team/")
    expect(page.locator("main")).to_contain_text("leaving@example.com")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/")
    page.goto("/team/")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/team/$"))
