"""A team in two browsers: an invitation is handed over, a new person joins by it, and loses what an owner takes away."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import open_page
from tests.browser.test_accounts import PASSWORD, copies, sign_up
from tests.site_process import Site

pytestmark = pytest.mark.browser


def test_a_person_is_invited_joins_and_is_removed(page: Page, browser: Browser, site: Site) -> None:
    sign_up(page, "owner@example.com")
    page.goto("/teams/new/")
    page.get_by_label("Name").fill("Alpha")
    page.get_by_role("button", name="Make the team").click()
    page.get_by_role("button", name="Invite", exact=True).click()
    link = page.locator("#made-link").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    assert copies(page.get_by_role("button", name="Copy")) == link

    context = browser.new_context(base_url=site.url, viewport={"width": 320, "height": 700})
    guest = open_page(context)
    guest.goto(link)
    expect(guest).to_have_url(re.compile(r"/join/$"))
    guest.get_by_role("link", name="Create an account").click()
    guest.get_by_label("E-mail", exact=False).fill("guest@example.com")
    guest.get_by_label("Password", exact=False).first.fill(PASSWORD)
    guest.locator("main form button").first.click()
    guest.get_by_role("button", name="Join Alpha").click()
    expect(guest.get_by_text("You are in Alpha now, as editor.")).to_be_visible()
    guest.goto("/team/")
    assert guest.evaluate("document.documentElement.scrollWidth") == 320

    page.goto("/team/")
    page.get_by_role("button", name="Remove guest@example.com").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Remove guest@example.com from Alpha?")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("They are no longer in the team")).to_be_visible()
    guest.goto("/team/")
    expect(guest.get_by_role("heading", level=1)).to_have_text("guest")
    context.close()

    page.goto("/team/audit/")
    expect(page.locator("tbody tr").first).to_contain_text("member removed")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert "member.joined" in download.value.path().read_text()
