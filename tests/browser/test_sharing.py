"""A link in a real browser: made while the run goes on, read live by a stranger, and dead before their eyes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import _WATCH_POLICY, open_page
from tests.browser.test_accounts import sign_up

pytestmark = pytest.mark.browser


def test_a_link_is_followed_live_and_dies_on_the_screen(browser: Browser, page: Page) -> None:
    sign_up(page, "sharer@example.com")
    page.goto("/")
    page.fill("#prompt", "Is it safe to drop this table?\nSay <b>why</b>.")
    page.locator("[data-ask]").click()
    expect(page.locator("main")).to_have_attribute("data-connection", "live")
    page.locator("#share-run").click()
    for part in ("members", "prompt"):
        page.check(f"input[value={part}]")
    page.get_by_role("button", name="Make a link").click()
    address = page.locator("#made-link").inner_text()
    visitors = browser.new_context(viewport={"width": 320, "height": 700})
    visitors.add_init_script(_WATCH_POLICY)
    visitor = open_page(visitors)
    complaints: list[str] = []
    visitor.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    visitor.goto(address)
    expect(visitor.locator("#main[data-connection=live]")).to_be_attached()
    expect(visitor.locator("#run-header[data-state=done]")).to_be_attached()
    expect(visitor.locator("h1")).to_have_text("Is it safe to drop this table?")
    assert visitor.title() == "A shared result · Fusion"
    wide = visitor.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 320
    assert visitors.cookies() == []
    page.goto("/links/")
    page.get_by_role("button", name="Revoke the link").click()
    page.locator("[data-accept]").click()
    expect(visitor.get_by_text("Is it safe to drop this table?")).to_have_count(0)
    expect(visitor.get_by_text("What this link showed is not there any more.")).to_be_visible()
    assert [said for said in complaints if "404" not in said] == []
    dead = visitor.goto(address)
    assert dead is not None
    assert dead.status == 404
    visitors.close()
