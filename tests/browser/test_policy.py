"""The content security policy, as Chromium applies it to the site's own pages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.test_accounts import sign_up

pytestmark = pytest.mark.browser
PAGES = [
    "/",
    "/runs/",
    "/pools/",
    "/judges/",
    "/presets/",
    "/connections/",
    "/tokens/",
    "/sessions/",
    "/accounts/factors/",
    "/accounts/factors/totp/activate/",
    "/team/",
    "/accounts/password/change/",
]

# A refused socket may never close, so the violation itself is waited for; an allowed one ends when its server says no.
_OPEN_SOCKET = """(url) => new Promise((resolve) => {
  document.addEventListener("securitypolicyviolation", (event) => resolve(`refused: ${event.effectiveDirective}`));
  const socket = new WebSocket(url);
  socket.onopen = socket.onclose = () => resolve("allowed");
})"""
_SMUGGLE = """() => new Promise((resolve) => {
  const refused = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    refused.push(event.effectiveDirective);
    if (refused.length === 2) resolve(refused);
  });
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.body.append(script);
  document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.ran = true">');
})"""


def test_pages_may_open_sockets_to_their_own_site_and_to_no_other(page: Page, tolerated: list[str]) -> None:
    tolerated += ["WebSocket connection", "CSP: connect-src", "Content Security Policy"]
    page.goto("/accounts/login/")
    own = page.url.replace("http://", "ws://").replace("/accounts/login/", "/ws/runs/none/")
    assert page.evaluate(_OPEN_SOCKET, own) == "allowed"
    assert page.evaluate(_OPEN_SOCKET, "ws://127.0.0.1:9/") == "refused: connect-src"


def test_a_script_that_got_into_a_page_does_not_run(page: Page, tolerated: list[str]) -> None:
    tolerated += ["CSP: script-src", "Content Security Policy"]
    page.goto("/accounts/login/")
    refused = page.evaluate(_SMUGGLE)
    assert sorted(refused) == ["script-src-attr", "script-src-elem"]
    assert page.evaluate("() => window.ran") is None


def test_every_page_of_the_site_keeps_to_the_policy(page: Page) -> None:
    """The `page` fixture fails the test on a violation, an error in the console or an uncaught one."""
    sign_up(page, "policy@example.com")
    for path in PAGES:
        response = page.goto(path)
        assert response is not None
        assert (path, response.status, page.locator("h1").count()) == (path, 200, 1)


def test_addresses_that_lead_nowhere_get_the_sites_own_page(page: Page, tolerated: list[str]) -> None:
    tolerated.append("status of 404")
    response = page.goto("/no/such/page/")
    assert response is not None
    assert response.status == 404
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.locator("h1").count() == 1
