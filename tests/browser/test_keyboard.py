"""Every journey with the keyboard alone: no pointer, and no focus that a script of the test has set."""

from __future__ import annotations

import re
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accounts import HOME, PASSWORD
from tests.browser.test_finding import is_indexed
from tests.browser.test_main_job import ends_as

pytestmark = pytest.mark.browser
STOPS = 150
_IS_FOCUSED = "(element) => element === document.activeElement"
_CHOSEN = "(select) => select.selectedOptions[0].label.trim()"
_NUMBERS = count(1)


class Keyboard:
    """Gets to things by Tab and works them by keys."""

    def __init__(self, page: Page) -> None:
        self.page, self.press, self.type = page, page.keyboard.press, page.keyboard.type

    def to(self, target: Locator) -> None:
        """Press Tab until the focus is on something; fails where Tab does not get there."""
        target.wait_for(state="attached")
        self.page.wait_for_load_state()
        for _ in range(STOPS):
            if target.evaluate(_IS_FOCUSED):
                return
            self.press("Tab")
        raise AssertionError(f"Tab does not lead to {target}")

    def fill(self, field: Locator, text: str) -> None:
        """Put a text into a field in the place of what is there."""
        self.to(field)
        self.press("Control+A")
        self.type(text)

    def choose(self, select: Locator, option: str) -> None:
        """Choose an option, which begins so, by going down to it: what is typed too slowly would choose another one."""
        self.to(select)
        self.press("Home")
        for _ in range(select.locator("option").count()):
            if select.evaluate(_CHOSEN).startswith(option):
                return
            self.press("ArrowDown")
        raise AssertionError(f"{select} has no option {option}")

    def use(self, target: Locator) -> None:
        """Press a button or follow a link."""
        self.to(target)
        self.press("Enter")

    def go(self, name: str) -> None:
        """Follow a link of the site's bar, from the top of the page."""
        self.page.reload()
        link = self.page.get_by_role("navigation", name="Site").get_by_role("link", name=name, exact=True)
        address = link.get_attribute("href")
        self.use(link)
        self.page.wait_for_url(f"**{address}")


@pytest.fixture
def keys(page: Page) -> Keyboard:
    """Give the keyboard of somebody who has signed up with it, past the skip link."""
    keys = Keyboard(page)
    page.goto("/accounts/signup/")
    keys.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    assert skip.bounding_box() is not None
    keys.press("Enter")
    keys.fill(page.get_by_label("E-mail", exact=False), f"keys{next(_NUMBERS)}@example.com")
    keys.fill(page.get_by_label("Password", exact=False).first, PASSWORD)
    keys.press("Enter")
    page.wait_for_url(HOME)
    return keys


def ask(keys: Keyboard, prompt: str) -> None:
    """Write a prompt, which has the focus already, and send it."""
    expect(keys.page.get_by_label("Prompt", exact=True)).to_be_focused()
    keys.type(prompt)
    keys.press("Control+Enter")
    keys.page.wait_for_url(re.compile(r"/runs/\w+/$"))
    ends_as(keys.page, "done")


def test_a_connection_a_pool_a_judge_and_a_preset_are_made(keys: Keyboard, page: Page) -> None:
    keys.go("Connections")
    keys.use(page.get_by_role("button", name="Test Rehearsal"))
    expect(page.get_by_role("button", name="Test Rehearsal")).to_be_focused()
    keys.go("Pools")
    keys.use(page.get_by_role("link", name="New pool").first)
    page.wait_for_url("**/pools/new/")
    keys.fill(page.get_by_label("Name", exact=True).first, "By keys")
    for place, model in enumerate(("planner", "scholar")):
        keys.fill(page.locator(f"[name='members.{place}.model']"), f"rehearsal/{model}")
    keys.use(page.locator("main").get_by_role("button", name="Make the pool"))
    page.wait_for_url("**/pools/")
    expect(page.get_by_role("link", name="By keys", exact=True)).to_be_visible()
    keys.go("Judges")
    keys.use(page.get_by_role("link", name="New judge").first)
    page.wait_for_url("**/judges/new/")
    keys.fill(page.get_by_label("Name", exact=True).first, "Judge by keys")
    keys.fill(page.locator("[name='model']"), "rehearsal/judge")
    keys.use(page.locator("main").get_by_role("button", name="Make the judge"))
    page.wait_for_url("**/judges/")
    keys.go("Presets")
    keys.use(page.get_by_role("link", name="New preset").first)
    page.wait_for_url("**/presets/new/")
    keys.fill(page.get_by_label("Name", exact=True).first, "Preset by keys")
    keys.choose(page.get_by_label("Pool", exact=True), "By keys")
    keys.choose(page.get_by_label("Judge", exact=True), "Judge by keys")
    keys.use(page.locator("main").get_by_role("button", name="Make the preset"))
    page.wait_for_url("**/presets/")
    expect(page.get_by_role("link", name="Preset by keys", exact=True)).to_be_visible()


def test_a_run_is_asked_read_voted_on_shared_and_followed_up(keys: Keyboard, page: Page) -> None:
    ask(keys, "Is it safe to add a column while the shop is open?")
    run = page.url
    code = page.locator("pre.code:visible").first
    keys.to(code)
    keys.use(page.get_by_role("link", name="Share", exact=True))
    keys.use(page.get_by_role("button", name="Make a link"))
    expect(page.locator("#made-link")).to_be_visible()
    page.goto(f"{run}vote/")
    keys.to(page.get_by_role("radio", name="A", exact=True))
    keys.press("Space")
    keys.press("Enter")
    expect(page.get_by_role("group", name="Your vote")).to_be_visible()
    page.goto(f"{run}follow-up/")
    keys.fill(page.get_by_label("Follow-up prompt"), "And how do we get back?")
    keys.press("Control+Enter")
    page.wait_for_url(lambda url: url != f"{run}follow-up/" and "/runs/" in url)
    ends_as(page, "done")


def test_an_answer_is_taken_instead_and_its_run_is_starred_tagged_and_found(
    keys: Keyboard, page: Page
) -> None:
    only = page.get_by_role("checkbox", name="Scholar")
    keys.to(only)
    keys.press("Space")
    expect(only).not_to_be_checked()
    keys.to(page.get_by_label("Prompt", exact=True))
    ask(keys, "How long does a backup take?")
    expect(page.get_by_role("article")).to_have_count(2)
    keys.use(page.get_by_role("button", name="Use this one instead").first)
    expect(page.get_by_role("button", name="Undo: back to version 1")).to_be_visible()
    keys.use(page.get_by_role("link", name="Add tags"))
    keys.fill(page.get_by_label("Tags, with commas between them"), "backups")
    keys.press("Enter")
    expect(page.locator("#marks").get_by_role("link", name="backups")).to_be_visible()
    keys.to(page.get_by_role("button", name="Star", exact=True))
    keys.press("Space")
    expect(page.get_by_role("button", name="Star", exact=True)).to_have_attribute("aria-pressed", "true")
    is_indexed(page, "backup")
    keys.go("Runs")
    keys.fill(page.get_by_role("searchbox"), "backup nowhere")
    keys.press("Enter")
    page.wait_for_url(re.compile(r"q=backup\+nowhere"))
    expect(page.get_by_role("link", name="How long does a backup take?")).to_have_count(0)
    keys.fill(page.get_by_role("searchbox"), "backup")
    keys.press("Enter")
    keys.use(page.get_by_role("link", name="How long does a backup take?"))
    expect(page.get_by_role("heading", level=1)).to_have_text("How long does a backup take?")


def test_a_team_is_made_invited_into_and_settled(keys: Keyboard, page: Page) -> None:
    page.goto("/teams/new/")
    keys.fill(page.get_by_label("Name"), "By keys alone")
    keys.press("Enter")
    page.wait_for_url("**/team/")
    keys.fill(page.get_by_label("E-mail address"), "guest@example.com")
    keys.choose(page.get_by_label("Role"), "Viewer")
    keys.use(page.get_by_role("button", name="Invite", exact=True))
    page.locator("#made-link").wait_for()
    page.goto("/team/")
    keys.use(page.get_by_role("button", name="Revoke the"))
    keys.use(page.get_by_role("dialog").get_by_role("button", name="Revoke"))
    expect(page.get_by_text("Nobody is invited at the moment.")).to_be_visible()
    keys.use(page.get_by_role("link", name="Team settings"))
    local = page.get_by_role("checkbox", name="Local only")
    keys.to(local)
    keys.press("Space")
    keys.use(page.get_by_role("button", name="Save the settings"))
    expect(page.get_by_role("status").filter(has_text="saved")).to_be_visible()
    page.reload()
    expect(local).to_be_checked()


def test_menus_dialogs_and_toasts_give_the_focus_back(keys: Keyboard, page: Page) -> None:
    account = page.get_by_role("button", name="Account")
    keys.use(account)
    expect(page.locator("#account-menu")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#account-menu")).to_be_hidden()
    expect(account).to_be_focused()
    keys.press("Enter")
    keys.use(page.get_by_role("link", name="API tokens"))
    keys.to(page.locator("[name='scopes'][value='manage']"))
    keys.press("Space")
    keys.fill(page.get_by_label("Name"), "by keys")
    keys.press("Enter")
    page.locator("#made-token").wait_for()
    page.goto("/tokens/")
    revoke = page.get_by_role("button", name="Revoke by keys")
    keys.use(revoke)
    expect(page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(revoke).to_be_focused()
    keys.press("Enter")
    keys.use(page.get_by_role("dialog").get_by_role("button", name="Go on"))
    expect(page.get_by_text("No tokens yet")).to_be_visible()
    page.goto("/teams/new/")
    keys.fill(page.get_by_label("Name"), "Keyboards")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Keyboards is there.")).to_be_visible()
    keys.to(page.get_by_role("button", name="Dismiss"))
    keys.press("Escape")
    expect(page.locator(".toast")).to_have_count(0)
    expect(page.locator("#main")).to_be_focused()


def test_an_error_takes_the_focus_to_what_is_wrong(keys: Keyboard, page: Page, tolerated: list[str]) -> None:
    tolerated.append("status of 422")
    page.goto("/tokens/")
    keys.fill(page.get_by_label("Name"), "   ")
    keys.press("Enter")
    expect(page.locator("#id_name_error")).to_be_visible()
    expect(page.get_by_label("Name")).to_be_focused()


def test_what_cannot_be_sent_is_said_and_kept(keys: Keyboard, page: Page, tolerated: list[str]) -> None:
    tolerated += ["ERR_INTERNET_DISCONNECTED", "htmx:sendError"]
    expect(page.get_by_label("Prompt", exact=True)).to_be_focused()
    page.context.set_offline(True)
    expect(page.get_by_role("status").filter(has_text="You are offline.")).to_be_visible()
    keys.type("Is it safe?")
    keys.press("Control+Enter")
    expect(page.get_by_role("status").filter(has_text="nothing was sent")).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Is it safe?")
    page.context.set_offline(False)
    expect(page.get_by_text("What you see may be old")).to_have_count(0)
    keys.press("Control+Enter")
    page.wait_for_url(re.compile(r"/runs/\w+/$"))
