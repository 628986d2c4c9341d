"""A real browser at a real site. A page that logs an error, breaks the security policy or throws fails its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.chromium import FLAGS, find
from tests.site_process import Site

VIEWPORT: ViewportSize = {"width": 1280, "height": 900}
# How long to wait for what has to come. A busy machine may let any process stand still for seconds.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
# htmx logs these when a newer request takes the place of one under way, or the page is left: nothing has failed then.
# A request that did fail is logged as htmx:sendError or htmx:responseError besides, and those count.
_TAKEN_BACK = ["htmx:sendAbort,", "htmx:afterRequest,"]
_WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
});
"""
# Matches a page that is not loaded yet: its buttons may be there already, and the scripts that they need not.
_LOADING = """{
  query: () => document.readyState === "complete" ? null : document.documentElement,
  queryAll: () => document.readyState === "complete" ? [] : [document.documentElement],
}"""


# Playwright's sync API keeps an event loop running in this thread, where Django's ORM and async tests refuse to work.
# So the browser ends with this package, not with the session.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Give one browser for all tests of this folder; skips, by name, where there is none."""
    path = find()
    if path is None:
        pytest.skip("no Chromium or Chrome is installed; `make test` can fetch one")
    with sync_playwright() as playwright:
        playwright.selectors.register("loading", _LOADING, content_script=True)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a running site that nobody has signed up to before this module, with fast rehearsal models."""
    running = Site(tmp_path_factory.mktemp("site"))
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def tolerated() -> list[str]:
    """Give the list of texts whose console messages are no failure: a test adds what it provokes on purpose."""
    return []


def open_page(context: BrowserContext) -> Page:
    """Give a new page that is loaded, with its scripts, before anything on it is pressed, filled or expected."""
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    # Playwright looks for it before each action, and waits until it is gone.
    page.add_locator_handler(page.locator("loading=page"), lambda: None)
    return page


@pytest.fixture
def page(browser: Browser, site: Site, tolerated: list[str]) -> Iterator[Page]:
    """Give an empty page of a new visitor, with addresses relative to the site; fails the test on any complaint."""
    context = browser.new_context(base_url=site.url, viewport=VIEWPORT)
    context.add_init_script(_WATCH_POLICY)
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def thrown(error: Error) -> None:
        complaints.append(f"uncaught: {error.message}")

    page = open_page(context)
    page.on("console", heard)
    page.on("pageerror", thrown)
    yield page
    context.close()
    left = [text for text in complaints if not any(part in text for part in [*tolerated, *_TAKEN_BACK])]
    assert not left, "the page complained:\n" + "\n".join(left)
