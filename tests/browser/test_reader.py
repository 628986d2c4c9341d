"""What a reader of a run has set stays, whatever the server sends: through fragments, a killed server and the end."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser.test_accounts import copies, make_token, sign_up
from tests.site_process import Site
from tests.upstream import Script, Upstream, judge_for, task_of

pytestmark = pytest.mark.browser
# Long enough for a title of two lines on a wide screen once a button stands beside it.
PROMPT = "Is it safe to add a column to a table of forty million rows while the site is up?\n\nBe brief."
ADA = ["# Yes\n\n", "One paragraph.\n\n", "And a last one."]
BEA = ["- bea says no,\n- `never`.\n"]
_NUMBERS = count(1)
# What a browser logs of a server that is gone: its socket, and the comments, which are fetched when one comes near them.
DEAD_SERVER = [
    "WebSocket connection to",
    "[object Event]",
    "htmx:sendError",
    "/comments/",
    "Failed to load resource: net::",
]
NARROW: ViewportSize = {"width": 390, "height": 800}
# What two members say, and what a judge makes of it.
SAID = {
    "ada": "Add it as *nullable*, which takes no lock.\n\nFill it in small batches.",
    "bea": "# No haste\n\nAdd it as nullable, which takes no lock. Watch the **old** replicas `all` the time.",
}
MERGED = (
    "Add it as **nullable**, which takes no lock. Fill it in small batches.\n\n"
    "- Watch the old replicas all the time.\n- Tell whoever is on call about it.\n"
)


ENDED = "Your access to this run has ended. Load the page again, and sign in if you are asked to."


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Give an upstream whose judge picks what bea wrote."""
    server = Upstream()
    server.scripts |= {"bea": Script(pieces=BEA), "judge": judge_for("bea")}
    yield server
    server.close()


@pytest.fixture
def gate(upstream: Upstream) -> Iterator[threading.Event]:
    """Give what ada waits for after her second piece."""
    event = threading.Event()
    upstream.scripts["ada"] = Script(pieces=ADA, gate=event, gate_at=2)
    yield event
    event.set()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Site]:
    """Give a site of this module, which may reach the upstream."""
    data_dir = tmp_path_factory.mktemp("reader")
    running = Site(data_dir, FUSION_PRIVATE_UPSTREAMS=upstream.host_port, FUSION_REHEARSAL="0")
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def reader(page: Page, site: Site, upstream: Upstream, gate: threading.Event) -> Page:
    """Give the page of a person whose only preset asks ada and bea."""
    sign_up(page, f"reader{next(_NUMBERS)}@example.com")
    set_up(page, site, upstream)
    return page


def set_up(page: Page, site: Site, upstream: Upstream, mode: str = "best_of") -> None:
    """Give the page's person a preset of ada and bea, over REST."""
    headers = {"Authorization": f"Bearer {make_token(page)}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, trust_env=False, timeout=30) as rest:

        def make(what: str, **fields: Any) -> str:
            answer = rest.post(f"/{what}", json=fields)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])

        connection = make("connections", name="Up", kind="openai", base_url=upstream.url)
        members = [
            {"connection": connection, "model": name, "label": name.title()} for name in ("ada", "bea")
        ]
        pool = make("pools", name="Two", members=members)
        judge = make("judges", name="Judge", connection=connection, model="judge", swap_check=False)
        make("presets", name="Two", pool=pool, judge=judge, mode=mode, quorum=2)


def ask(page: Page) -> None:
    """Ask the prompt from the compose page by keyboard, and wait for the live run page."""
    page.goto("/")
    expect(page.get_by_label("Prompt")).to_be_focused()
    expect(page.get_by_role("button", name="Ask 2 models")).to_be_visible()
    page.keyboard.type(PROMPT)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/runs/\w+/$"))
    expect(page.locator("main")).to_have_attribute("data-connection", "live")
    # By itself a page waits longer from try to try, up to a minute, while the server is away.
    page.evaluate("htmx.config.wsReconnectDelay = () => 500")


def answer(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def state(page: Page) -> Locator:
    return page.locator("#run-header")


def test_a_killed_server_takes_nothing_from_the_reader(
    reader: Page, site: Site, gate: threading.Event, tolerated: list[str]
) -> None:
    tolerated += DEAD_SERVER
    reader.set_viewport_size(NARROW)
    ask(reader)
    expect(answer(reader, "Ada")).to_contain_text("One paragraph.")
    expect(answer(reader, "Bea")).to_be_hidden()
    reader.get_by_role("tab", name="Bea").click()
    reader.get_by_text("Whole prompt").click()
    reader.get_by_role("button", name="Stop", exact=True).focus()
    expect(answer(reader, "Bea")).to_contain_text("never")
    expect(answer(reader, "Ada")).to_be_hidden()

    site.kill()
    expect(reader.get_by_text("Reconnecting…")).to_be_visible()
    site.start()
    expect(reader.locator(".connection-live")).to_be_visible()
    expect(reader.locator("#connection")).to_have_text("Connected again.")
    expect(reader.get_by_role("tab", name="Bea")).to_have_attribute("aria-selected", "true")
    expect(reader.locator("#run-prompt")).to_have_attribute("open", "")
    expect(reader.get_by_role("button", name="Stop", exact=True)).to_be_focused()

    gate.set()
    expect(state(reader)).to_have_attribute("data-state", "done")
    # The button that had the focus is gone with its work; the focus stays on the part that it belonged to.
    expect(state(reader)).to_be_focused()
    reader.get_by_role("tab", name="Bea").focus()
    reader.keyboard.press("ArrowLeft")
    expect(reader.get_by_role("tabpanel", name="Ada")).to_be_visible()
    expect(answer(reader, "Ada").locator(".block")).to_have_text(["Yes", "One paragraph.", "And a last one."])


def test_a_page_says_that_access_has_ended_and_shows_nothing_more(
    reader: Page, site: Site, gate: threading.Event, upstream: Upstream
) -> None:
    ask(reader)
    expect(answer(reader, "Ada")).to_contain_text("One paragraph.")
    # Whatever is fetched from now on leads to the sign-in page, also the parts that are fetched when one comes near them.
    reader.wait_for_load_state("networkidle")
    with closing(sqlite3.connect(site.data_dir / "fusion.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE accounts_user SET is_active = 0 WHERE email LIKE 'reader%'")
    expect(reader.locator("main")).to_have_attribute("data-connection", "closed")
    expect(reader.locator("#connection")).to_have_text(ENDED)
    gate.set()
    assert upstream.asked("ada")[-1].is_over.wait(20)
    expect(answer(reader, "Ada")).not_to_contain_text("And a last one.")
    expect(reader.locator("main")).to_have_attribute("data-connection", "closed")


def test_a_page_whose_access_ended_while_it_was_cut_off_stops_trying(
    reader: Page, site: Site, tolerated: list[str]
) -> None:
    """It hears nothing but that there is nothing: the same as of a run that never was."""
    tolerated += DEAD_SERVER
    ask(reader)
    expect(answer(reader, "Ada")).to_contain_text("One paragraph.")
    reader.wait_for_load_state("networkidle")
    site.kill()
    expect(reader.get_by_text("Reconnecting…")).to_be_visible()
    with closing(sqlite3.connect(site.data_dir / "fusion.sqlite3", timeout=20)) as database, database:
        database.execute("DELETE FROM django_session")
    site.start()
    expect(reader.locator("main")).to_have_attribute("data-connection", "closed")
    expect(reader.locator("#connection")).to_have_text(ENDED)
    expect(reader.get_by_text("Not live: load the page again")).to_be_visible()


def test_a_page_over_two_killed_servers_is_the_page_of_who_comes_last(
    reader: Page, site: Site, upstream: Upstream, gate: threading.Event, tolerated: list[str]
) -> None:
    tolerated += DEAD_SERVER
    judging = threading.Event()
    judge = judge_for("bea")
    upstream.scripts["judge"] = lambda body: replace(judge(body), gate=judging)
    ask(reader)
    expect(answer(reader, "Ada")).to_contain_text("One paragraph.")
    restarted(reader, site)
    gate.set()
    expect(state(reader)).to_have_attribute("data-state", "judging")
    restarted(reader, site)
    judging.set()
    expect(state(reader)).to_have_attribute("data-state", "done")
    expect(answer(reader, "Ada").locator(".block")).to_have_text(["Yes", "One paragraph.", "And a last one."])
    shown = reader.get_by_role("article").all_inner_texts()
    reader.reload()
    expect(reader.locator("main")).to_have_attribute("data-connection", "live")
    assert reader.get_by_role("article").all_inner_texts() == shown
    upstream.scripts["judge"] = judge


def restarted(page: Page, site: Site) -> None:
    """Kill the server, start it again, and wait until the page has found it."""
    site.kill()
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    site.start()
    expect(page.locator(".connection-live")).to_be_visible()


def test_nothing_moves_and_nothing_is_deselected_when_a_stream_ends(reader: Page) -> None:
    ask(reader)
    expect(answer(reader, "Bea")).to_contain_text("never")
    block = answer(reader, "Ada").locator(".block").nth(1)
    expect(block).to_have_text("One paragraph.")
    block.select_text()
    still = [reader.get_by_role("heading", level=1), reader.locator("#run-prompt"), reader.locator("#fused")]
    before = [part.bounding_box() for part in still]

    reader.get_by_role("button", name="Stop Ada").click()
    expect(answer(reader, "Ada")).to_contain_text("Stopped")
    expect(state(reader)).to_have_attribute("data-state", "done")
    after = [part.bounding_box() for part in still]
    assert [(b["x"], b["y"]) for b in after if b] == [(b["x"], b["y"]) for b in before if b]
    assert reader.evaluate("getSelection().toString().trim()") == "One paragraph."


def test_stop_ends_the_run_and_keeps_what_was_written(reader: Page) -> None:
    ask(reader)
    written = answer(reader, "Ada").locator(".block").nth(1)
    expect(written).to_have_text("One paragraph.")
    stop = reader.get_by_role("button", name="Stop", exact=True)
    stop.click()
    expect(state(reader)).to_have_attribute("data-state", "cancelled")
    expect(stop).to_have_count(0)
    expect(written).to_have_text("One paragraph.")


def test_copy_gives_the_markdown_that_the_model_wrote(reader: Page, gate: threading.Event) -> None:
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    gate.set()
    ask(reader)
    expect(state(reader)).to_have_attribute("data-state", "done")
    for button, source in [
        (answer(reader, "Ada").locator("[data-copy]"), ADA),
        (reader.locator("#copy-fused"), BEA),
    ]:
        assert copies(button) == "".join(source)


def test_a_prompt_is_sent_once_however_often_one_presses(reader: Page) -> None:
    reader.goto("/")
    # 204 leaves the page where it is, so that one can press again.
    reader.route("**/", lambda route: route.fulfill(status=204))
    reader.evaluate("""() => {
      window.refused = [];
      addEventListener("submit", (event) => window.refused.push(event.defaultPrevented));
    }""")
    reader.get_by_label("Prompt").fill(PROMPT)
    for _ in range(2):
        reader.keyboard.press("Control+Enter")
        expect(reader.get_by_role("button", name="Asking…")).to_be_visible()
    assert reader.evaluate("window.refused") == [False, True]


def carried(page: Page) -> str:
    """Give the sentence that is painted as the one that somebody says."""
    painted: str = page.evaluate("[...(CSS.highlights.get('carried') ?? [])].join('')")
    return painted


def middle_of(page: Page, words: str) -> tuple[float, float]:
    """Give where words of the fused answer stand on the screen."""
    script = """words => {
      const walker = document.createTreeWalker(document.getElementById("fused-body"), NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const at = walker.currentNode.data.indexOf(words);
        if (at < 0) continue;
        const range = document.createRange();
        range.setStart(walker.currentNode, at);
        range.setEnd(walker.currentNode, at + words.length);
        walker.currentNode.parentElement.scrollIntoView({ block: "center" });
        const { left, top, width, height } = range.getBoundingClientRect();
        return [left + width / 2, top + height / 2];
      }
    }"""
    x, y = page.evaluate(script, words)
    return x, y


def test_each_sentence_leads_to_who_says_it(
    page: Page, site: Site, upstream: Upstream, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in SAID.items():
        monkeypatch.setitem(upstream.scripts, name, Script([text[:9], text[9:]], gate=gate, gate_at=1))
    picks = judge_for("replicas")
    merges = lambda body: Script([MERGED]) if task_of(body) == "merge" else picks(body)  # noqa: E731
    monkeypatch.setitem(upstream.scripts, "judge", merges)
    sign_up(page, "sources@example.com")
    set_up(page, site, upstream, mode="merge")
    ask(page)
    gate.set()
    found, bar, marks = page.locator("#provenance"), page.locator("#carried-by"), page.locator("mark.passage")
    expect(found).to_contain_text("Tell whoever is on call about it.")
    expect(found.get_by_role("list", name="How much is said by how many")).to_contain_text("In 2 answers")
    expect(page.locator("#run-header")).to_have_attribute("data-final", "")

    expect(page.locator("#fused-body[tabindex]")).to_be_visible()
    page.locator("#fused-body").focus()
    page.keyboard.press("ArrowRight")
    expect(bar.get_by_role("link")).to_have_text(["Ada", "Bea"])
    assert carried(page) == "Add it as nullable, which takes no lock."
    page.keyboard.press("Enter")
    expect(bar.get_by_role("link", name="Ada")).to_be_focused()
    page.keyboard.press("Enter")
    expect(bar).to_be_hidden()
    assert marks.all_inner_texts() == ["Add it as ", "nullable", ", which takes no lock."]
    expect(page.get_by_role("article", name="Ada").locator("mark").first).to_be_focused()
    expect(marks.first).to_be_in_viewport()

    page.mouse.move(*middle_of(page, "old replicas"))
    expect(bar.get_by_role("link")).to_have_text(["Bea"])
    bar.get_by_role("link").click()
    assert marks.all_inner_texts() == ["Watch the ", "old", " replicas ", "all", " the time."]
    page.mouse.move(*middle_of(page, "whoever"))
    expect(bar).to_contain_text("only the judge")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()

    page.reload()
    page.set_viewport_size(NARROW)
    expect(page.locator("main")).to_have_attribute("data-connection", "live")
    expect(page.locator("#fused-body[tabindex]")).to_be_visible()
    page.mouse.click(*middle_of(page, "old replicas"))
    expect(bar.get_by_role("link")).to_be_in_viewport()
    bar.get_by_role("link").click()
    expect(page.get_by_role("article", name="Bea").locator("mark").first).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.goto(f"{page.url.split('#')[0]}versions/1/")
    expect(page.locator("#provenance")).to_contain_text("Tell whoever is on call about it.")
    page.locator("#provenance-all > summary").click()
    page.locator("#provenance-sentences").get_by_role("link", name="Ada").first.click()
    page.wait_for_url(re.compile(r"/runs/\w+/#answer-\w+$"))
