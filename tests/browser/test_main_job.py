"""The main job as a new person does it: sign up, ask, watch, read; then again with the Compact model in the pool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_page
from tests.browser.test_accounts import sign_up
from tests.compact.gguf_model import write_tiny_gguf
from tests.site_process import Site

pytestmark = pytest.mark.browser
SCRIPTED = "rehearsal: scripted, no AI"
COMPACT_SAYS = "The Compact model says: add it in two steps."
RUN_WITHIN_MS = 45_000
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site that hosts a small Compact model and the rehearsal models."""
    folder = tmp_path_factory.mktemp("main-job")
    model = write_tiny_gguf(folder / "tiny.gguf", name="tiny", script=COMPACT_SAYS)
    running = Site(folder / "data", FUSION_COMPACT_MODEL=str(model))
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def newcomer(page: Page) -> Page:
    """Give the page of a person who has just signed up."""
    sign_up(page, f"newcomer{next(_NUMBERS)}@example.com")
    return page


def ask(page: Page, preset: str, prompt: str) -> None:
    """Ask through a preset from the compose page."""
    page.goto("/")
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_role("radio", name=re.compile(rf"^{preset}")).check()
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/runs/\w+/$"))


def ends_as(page: Page, state: str) -> None:
    """Wait until the run has ended so, and the page has what it is sent first, which takes the place of what it shows."""
    header = page.locator("#run-header")
    expect(page.locator("main")).to_have_attribute("data-connection", "live")
    expect(header).to_have_attribute("data-final", "", timeout=RUN_WITHIN_MS)
    expect(header).to_have_attribute("data-state", state)


def source(page: Page, button: str) -> str:
    """Give the stored text behind a copy button."""
    address = page.locator(button).get_attribute("data-copy")
    assert address
    text = page.evaluate("async (at) => await (await fetch(at)).text()", address)
    assert isinstance(text, str)
    return text


def test_a_newcomer_sees_a_whole_run(newcomer: Page) -> None:
    expect(newcomer.get_by_role("heading", level=1)).to_have_text("Ask several models at once")
    expect(newcomer.get_by_label("Prompt")).to_be_focused()
    ask(newcomer, "Rehearsal: merge", "Is it safe to move our ferries to electric engines?")
    for name in ("Planner", "Storyteller", "Scholar"):
        expect(newcomer.get_by_role("article", name=name)).to_contain_text(SCRIPTED)
        expect(newcomer.get_by_role("article", name=name)).to_contain_text(re.compile("ferries", re.I))
    ends_as(newcomer, "done")
    expect(newcomer.locator("#fused-body .block").first).to_be_visible()
    expect(newcomer.locator("#verdict")).to_contain_text("is best")
    expect(newcomer.locator("#run-header")).to_contain_text("Fused from 3 of 3")
    expect(newcomer.locator("#run-header")).to_contain_text(SCRIPTED)
    expect(newcomer.locator("#run-header")).to_contain_text("All of these are rehearsal models")
    expect(newcomer.locator("#fuse-estimate")).to_have_text("free")
    newcomer.get_by_role("link", name="How this was judged").click()
    expect(newcomer.get_by_role("heading", level=1)).to_have_text("How version 1 was judged")
    newcomer.get_by_text("Prompt", exact=True).last.click()
    expect(newcomer.locator(".raw").filter(has_text="Task: merge the candidates")).to_be_visible()


def test_two_prompts_give_two_runs(newcomer: Page) -> None:
    texts = []
    for prompt in ("How do I train for a marathon?", "Which bread needs no oven?"):
        ask(newcomer, "Rehearsal: best of", prompt)
        ends_as(newcomer, "done")
        texts.append(source(newcomer, "#copy-fused"))
    assert "marathon" in texts[0].lower()
    assert "bread" in texts[1].lower()
    assert texts[0] != texts[1]


def test_best_of_is_the_winner_word_for_word(newcomer: Page) -> None:
    ask(newcomer, "Rehearsal: best of", "Should a small team use microservices?")
    ends_as(newcomer, "done")
    winner = newcomer.locator("article:has(header[data-winner]) [data-copy]")
    address = winner.get_attribute("data-copy")
    assert address
    assert newcomer.evaluate("async (at) => await (await fetch(at)).text()", address) == source(
        newcomer, "#copy-fused"
    )


def test_a_reload_and_a_second_tab_show_the_same(newcomer: Page) -> None:
    ask(newcomer, "Rehearsal: debate", "Is tea better than coffee in the morning?")
    second = open_page(newcomer.context)
    second.goto(newcomer.url)
    newcomer.reload()
    for tab in (newcomer, second):
        ends_as(tab, "done")
    shown = [tab.locator("#fused-body").inner_text() for tab in (newcomer, second)]
    newcomer.reload()
    shown.append(newcomer.locator("#fused-body").inner_text())
    assert shown[0] == shown[1] == shown[2]
    expect(newcomer.get_by_role("heading", name="After the debate")).to_be_visible()


def test_the_compact_model_is_a_member_and_the_judge(newcomer: Page) -> None:
    ask(newcomer, "Compact \\+ rehearsal", "Is it safe to add a column?")
    expect(newcomer.get_by_role("article", name="Compact")).to_contain_text(COMPACT_SAYS)
    expect(newcomer.get_by_role("article", name="Compact")).not_to_contain_text(SCRIPTED)
    ends_as(newcomer, "done")
    # This tiny model gives no verdict: the rehearsal judge stands in for it, and the page says who judged.
    expect(newcomer.locator("#verdict")).to_contain_text("rehearsal/judge")


def test_a_malformed_model_file_is_an_error_on_the_page(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 4096)
    own = Site(tmp_path / "data", FUSION_COMPACT_MODEL=str(broken))
    with own:
        page.goto(f"{own.url}/accounts/signup/")
        page.get_by_label("E-mail", exact=False).fill("owner@example.com")
        page.get_by_label("Password", exact=False).first.fill("correct horse battery staple")
        page.locator("main form button").first.click()
        page.wait_for_url(f"{own.url}/")
        while "Compact host for broken.gguf" not in own.output:
            page.goto(f"{own.url}/connections/")
        page.goto(f"{own.url}/connections/")
        section = page.locator(
            "section", has=page.get_by_role("heading", name="Compact model on this machine")
        )
        expect(section).to_contain_text(re.compile("failed|cannot|not a", re.I))
        page.goto(f"{own.url}/")
        page.get_by_label("Prompt").fill("Is it safe to add a column?")
        page.get_by_role("radio", name=re.compile(r"^Compact \+ rehearsal")).check()
        page.keyboard.press("Control+Enter")
        page.wait_for_url(re.compile(r"/runs/\w+/$"))
        expect(page.get_by_role("article", name="Compact")).to_contain_text("not running")
        ends_as(page, "done")
        page.goto("about:blank")
