"""A run is found again by its words, starred, tagged, deleted by mistake and had back, by keyboard where it counts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accounts import sign_up
from tests.browser.test_main_job import ask, ends_as
from tests.site_process import Site

pytestmark = pytest.mark.browser
PROMPT = "Is it safe to add a column called <b>zebra</b> while the site is up?"
LOOKS = 60


def is_indexed(page: Page, words: str) -> None:
    """Search until something is found: what a run is found by comes behind the page."""
    page.goto(f"/runs/?q={words}")
    for _ in range(LOOKS):
        if page.locator("mark").count():
            return
        page.wait_for_load_state("networkidle")
        page.reload()
    raise AssertionError(f"nothing was indexed as {words}")


def test_a_run_is_found_marked_deleted_and_had_back(page: Page, site: Site, tolerated: list[str]) -> None:
    tolerated.append("status of 404")  # a deleted run is not there
    sign_up(page, "finder@example.com")
    ask(page, "Rehearsal: merge", PROMPT)
    # Its row in the list follows it to its end by itself.
    address = page.url
    page.goto("/runs/")
    row = page.locator(".rows > li")
    expect(row.locator(".badge-live")).to_have_count(0, timeout=45_000)
    expect(row.locator(".row-opening")).not_to_be_empty()
    is_indexed(page, "zeb*")
    expect(page.locator("mark")).to_have_text("zebra")
    page.locator("a.row-title").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(address)
    ends_as(page, "done")
    page.locator("#marks .star").click()
    expect(page.locator("#marks .star")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="Add tags").click()
    page.get_by_label("Tags, with commas between them").fill("animals, Bäume")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Bäume").click()
    page.wait_for_url(re.compile(r"/runs/\?tag="))
    expect(page.locator(".filter-chip")).to_have_text(re.compile("tag Bäume"))
    page.get_by_role("checkbox", name=re.compile("Choose")).check()
    page.get_by_role("button", name="Delete the chosen runs").click()
    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    assert page.goto(address).status == 404  # type: ignore[union-attr]
    page.goto("/deleted/")
    expect(page.get_by_text("gone for good")).to_be_visible()
    page.get_by_role("button", name=re.compile("Restore")).click()
    expect(page.locator(".toast")).to_contain_text("is back")
    page.get_by_role("checkbox", name=re.compile("Choose")).check()
    page.get_by_role("button", name="Delete the chosen runs").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row-title")).to_contain_text("zebra")
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
