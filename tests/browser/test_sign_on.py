"""A team's own sign-in service in a real browser: set up by the owner, and come through by somebody new."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts.sign_in_service import CLIENT_ID, CLIENT_SECRET, SignInService
from tests.browser.conftest import open_page
from tests.browser.test_accounts import sign_up
from tests.site_process import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service() -> Iterator[SignInService]:
    """Give a service on this machine."""
    made = SignInService()
    with made.running():
        yield made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, service: SignInService) -> Iterator[Site]:
    """Give a site whose operator lets teams reach the service."""
    listed = f"127.0.0.1:{service.port}"
    running = Site(tmp_path_factory.mktemp("site"), FUSION_PRIVATE_UPSTREAMS=listed)
    try:
        yield running.start()
    finally:
        running.close()


def test_an_owner_sets_it_up_and_somebody_new_comes_through(
    page: Page, site: Site, service: SignInService, browser: Browser, tolerated: list[str]
) -> None:
    sign_up(page, "owner@example.com")
    page.goto("/teams/new/")
    page.get_by_label("Name").fill("Works")
    page.locator("main form button").last.click()
    page.wait_for_url("**/team/")
    page.goto("/team/settings/")
    page.get_by_role("link", name="sign in by a service of your own").click()
    assert page.get_by_label("Redirect address").inner_text().startswith(f"{site.url}/sign-on/")

    tolerated.append("status of 422")
    page.get_by_label("Issuer").fill("https://127.0.0.1:1")
    page.get_by_label("Client id").fill(CLIENT_ID)
    page.get_by_label("Client secret").fill(CLIENT_SECRET)
    page.get_by_role("button", name="Ask the service").click()
    expect(page.locator("#id_issuer_error")).to_contain_text("it cannot be reached")
    expect(page.get_by_label("Client id")).to_have_value(CLIENT_ID)
    page.get_by_label("Issuer").fill(service.issuer)
    page.get_by_label("Client secret").fill(CLIENT_SECRET)
    page.get_by_role("button", name="Ask the service").click()
    expect(page.get_by_text("The service answers")).to_be_visible()

    visitor = open_page(browser.new_context(base_url=site.url))
    visitor.goto("/accounts/login/")
    visitor.get_by_role("link", name="Sign in with your team's service").click()
    visitor.get_by_label("Short name of the team").fill("works")
    visitor.get_by_role("button", name="Go on").click()
    visitor.get_by_role("link", name="Go to 127.0.0.1").click()
    visitor.wait_for_url(f"{site.url}/")
    visitor.goto("/sessions/")
    expect(visitor.get_by_text("signs you in")).to_be_visible()
    visitor.goto("/team/")
    expect(visitor.locator("main")).to_contain_text("owner@example.com")
    visitor.context.close()
