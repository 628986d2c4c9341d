"""Connecting OpenRouter by one click in a real browser: the policy lets the person leave, and the session knows them again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accounts import sign_up
from tests.pools.openrouter import OpenRouter
from tests.site_process import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def openrouter() -> Iterator[OpenRouter]:
    """Give a stand-in for OpenRouter: another origin than the site's."""
    server = OpenRouter()
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, openrouter: OpenRouter) -> Iterator[Site]:
    """Give a running site that takes the stand-in for OpenRouter."""
    settings = {
        "FUSION_PRIVATE_UPSTREAMS": openrouter.host_port,
        "FUSION_OPENROUTER_URL": openrouter.url,
        "FUSION_OPENROUTER_AUTH_URL": openrouter.auth_url,
    }
    running = Site(tmp_path_factory.mktemp("openrouter"), **settings)
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def tolerated() -> list[str]:
    """Let the stand-in have no icon."""
    return ["favicon.ico", "status of 401"]


def test_one_click_there_one_click_back(page: Page, openrouter: OpenRouter) -> None:
    sign_up(page, "click@example.com")
    page.goto("/connections/")
    page.get_by_role("link", name="Connect OpenRouter").click()
    page.wait_for_url(f"{openrouter.auth_url}?**")
    page.get_by_role("link", name="Allow").click()
    page.wait_for_url("**/connections/")
    expect(page.get_by_role("status").filter(has_text="“OpenRouter” is connected for")).to_be_visible()
    row = page.get_by_role("listitem").filter(has_text="OpenRouter")
    expect(row).to_contain_text("ready")
    expect(row).to_contain_text("Key: $3.25 of $10.00 left, $6.75 used.")
    expect(row).to_contain_text("1 model")


def test_who_says_no_is_back_with_a_message(page: Page, openrouter: OpenRouter) -> None:
    sign_up(page, "no@example.com")
    page.goto("/connections/new/?start=llama-cpp-server")
    expect(page.get_by_label("Base URL")).to_have_value("http://127.0.0.1:8000/v1")
    page.get_by_role("link", name="Connect OpenRouter").press("Enter")
    page.wait_for_url(f"{openrouter.auth_url}?**")
    page.get_by_role("link", name="Deny").click()
    page.wait_for_url("**/connections/")
    expect(page.get_by_text("no key was allowed there")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="OpenRouter")).to_have_count(0)
