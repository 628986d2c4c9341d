"""A run's page as it is read: what leads where, what one may do once it is over, and that nothing moves by itself."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser.test_accounts import make_token, sign_up
from tests.site_process import Site
from tests.upstream import Script, Upstream, judge_for, task_of

pytestmark = pytest.mark.browser
_NUMBERS = count(1)
NAMES = ("ada", "bea", "cyd", "dan", "eve")
SAID = {
    "ada": "# Add it slowly\n\nAdd it as **nullable**, which takes no lock.\n\nFill it in small batches.",
    "bea": "# No haste\n\nFirst measure how long a lock would last. Then add it as nullable.",
}
LONG = [f"Line {number} of a long answer.\n\n" for number in range(60)]
WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 800}
# What stands beneath a text that grows, or beneath a fused answer that begins.
BENEATH = (
    "gone from beneath",
    '<div class="rounds"',
    '<details class="fold timeline-fold"',
    '<section class="verdict',
)
SHIFTS = """() => {
  window.shifts = [];
  const end = document.getElementById("fused").getBoundingClientRect().bottom;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      // The caret, two pixels wide, goes on with the words that it stands behind.
      const sources = entry.sources.filter(({ previousRect }) => previousRect.width > 3);
      if (entry.sources.length && !sources.length) continue;
      // What a later message has replaced before this is told has no node any more, but a place.
      const what = (node, { y }) => (node?.nodeType === 1 ? node : node?.parentElement)?.outerHTML.slice(0, 80)
        ?? (y >= end ? "gone from beneath" : "gone");
      const moved = sources.map(({ node, previousRect: a, currentRect: b }) =>
        `${what(node, a)} ${a.y} to ${b.y}, ${a.x} to ${b.x}`);
      window.shifts.push(moved);
    }
  }).observe({ type: "layout-shift", buffered: false });
}"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Give an upstream of five members, and a judge that picks bea, with her own words, and merges in its own."""
    server = Upstream()
    picks = judge_for("measure how long")

    def judge(body: dict[str, Any]) -> Script:
        if task_of(body) == "merge":
            return Script(["Measure first, then add it ", "as nullable.\n\n```sql\nselect 1\n```\n"])
        told = "".join(picks(body).pieces)
        return Script([told.replace('"met": true, "quote": ""', '"met": true, "quote": "measure how long"')])

    server.scripts["judge"] = judge
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Site]:
    """Give a site of this module, which may reach the upstream."""
    data_dir = tmp_path_factory.mktemp("run-page")
    running = Site(data_dir, FUSION_PRIVATE_UPSTREAMS=upstream.host_port, FUSION_REHEARSAL="0")
    try:
        yield running.start()
    finally:
        running.close()


def ask(page: Page, site: Site, upstream: Upstream, names: tuple[str, ...], mode: str = "merge") -> None:
    """Sign somebody up, and ask these members for them over REST; leads to the run's live page."""
    sign_up(page, f"page{next(_NUMBERS)}@example.com")
    headers = {"Authorization": f"Bearer {make_token(page)}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, trust_env=False, timeout=30) as rest:

        def make(what: str, **fields: Any) -> str:
            made = rest.post(f"/{what}", json=fields)
            assert made.status_code == 201, made.text
            return str(made.json()["id"])

        up = make("connections", name="Up", kind="openai", base_url=upstream.url)
        members = [{"connection": up, "model": name, "label": name.title()} for name in names]
        pool = make("pools", name="Pool", members=members)
        criteria = [{"name": "Correct", "weight": 1}]
        judge = make(
            "judges", name="Judge", connection=up, model="judge", swap_check=False, criteria=criteria
        )
        preset = make("presets", name="Preset", pool=pool, judge=judge, mode=mode, quorum=len(names))
        run = make("runs", preset=preset, prompt="How do I add a column?")
    page.goto(f"/runs/{run}/")
    expect(page.locator("main")).to_have_attribute("data-connection", "live")


def is_over(page: Page) -> None:
    expect(page.locator("#run-header")).to_have_attribute("data-final", "")


def answer(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def say(upstream: Upstream, monkeypatch: pytest.MonkeyPatch, gate: threading.Event | None = None) -> None:
    """Have ada and bea say what they say; with a gate, the last piece waits for it."""
    for name, text in SAID.items():
        cut = len(text) - 12
        monkeypatch.setitem(upstream.scripts, name, Script([text[:cut], text[cut:]], gate=gate, gate_at=1))


def test_a_quote_of_the_verdict_leads_to_its_place(
    page: Page, site: Site, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(upstream, monkeypatch)
    ask(page, site, upstream, ("ada", "bea"))
    is_over(page)
    table = page.locator(".verdict-table")
    quote = table.get_by_role("link").first
    words = quote.inner_text().strip('“”"')
    assert words
    # What marks the place comes with the verdict; until it is there, the link leads to the answer alone.
    page.evaluate("() => import(document.getElementById('verdict').dataset.module).then(() => null)")
    quote.focus()
    page.keyboard.press("Enter")
    marked = page.locator("mark.passage")
    expect(marked.first).to_be_focused()
    assert "".join(marked.all_inner_texts()) in words
    expect(marked.first).to_be_in_viewport()


def test_one_answer_can_be_used_instead_and_that_be_taken_back(
    page: Page, site: Site, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(upstream, monkeypatch)
    ask(page, site, upstream, ("ada", "bea"))
    is_over(page)
    fused = page.locator("#fused-body")
    expect(fused).to_contain_text("Measure first")
    answer(page, "Ada").get_by_role("button", name="Use this one instead").click()
    expect(fused).to_contain_text("Add it slowly")
    expect(page.locator(".run-sentence")).to_have_text(
        "Version 2, chosen by hand: Ada's answer, word for word."
    )
    expect(answer(page, "Ada").get_by_role("button", name="Use this one instead")).to_have_count(0)
    page.get_by_role("button", name="Undo: back to version 1").click()
    expect(fused).to_contain_text("Measure first")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)

    answer(page, "Ada").get_by_role("link", name="Compare").click()
    expect(page.get_by_role("columnheader")).to_have_text(["Ada", "Version 1"])
    page.get_by_label("with").select_option(label="Bea")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("columnheader")).to_have_text(["Ada", "Bea"])
    expect(page.locator("del").first).to_be_visible()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_moves_while_it_is_written_and_when_it_ends(
    page: Page, site: Site, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, size: ViewportSize
) -> None:
    """What is beneath a text may be pushed down by it, but not what is above it or beside it; beneath the fused answer
    there is room for it from its first word on."""
    first, last, merging, whole = (threading.Event() for _ in range(4))
    for name, text in SAID.items():
        pieces = [text[:4], text[4:-12], text[-12:]]
        monkeypatch.setitem(upstream.scripts, name, Script(pieces, gates={0: first, 2: last}))
    picks = upstream.scripts["judge"]

    def judge(body: dict[str, Any]) -> Script:
        told = picks(body) if callable(picks) else picks
        pieces = ["Measure ", "first.\n\n", *told.pieces]
        return Script(pieces, gates={1: merging, len(pieces): whole}) if task_of(body) == "merge" else told

    monkeypatch.setitem(upstream.scripts, "judge", judge)
    page.set_viewport_size(size)
    ask(page, site, upstream, ("ada", "bea"))
    page.wait_for_load_state("networkidle")
    page.evaluate(SHIFTS)
    first.set()
    expect(answer(page, "Ada")).to_contain_text("Add it slowly")
    last.set()
    expect(page.locator("#verdict")).to_contain_text("is best")
    # The fused answer takes its room when it begins, and what is beneath it moves this once.
    expect(page.locator("#fused-body")).to_contain_text("Measure")
    settled(page)
    moved = page.evaluate("window.shifts.splice(0).flat()")
    assert [each for each in moved if not each.startswith(BENEATH)] == []
    merging.set()
    expect(page.locator("#fused-body")).to_contain_text("select 1")
    whole.set()
    is_over(page)
    expect(page.locator("#provenance")).to_be_visible()
    expect(page.locator("#fuse-estimate")).not_to_be_empty()
    page.wait_for_load_state("networkidle")
    settled(page)
    assert page.evaluate("window.shifts") == []


def settled(page: Page) -> None:
    """Wait until everything is painted, and observers have been told."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_a_long_answer_is_followed_until_the_reader_scrolls_back(
    page: Page, site: Site, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = {20: threading.Event(), 40: threading.Event(), 60: threading.Event()}
    for name in NAMES:
        monkeypatch.setitem(upstream.scripts, name, Script(LONG, gates=gates))
    ask(page, site, upstream, NAMES, mode="best_of")
    body = answer(page, "Ada").locator(".answer-body")
    end = "body => Math.round(body.scrollHeight - body.scrollTop - body.clientHeight)"
    expect(body).to_contain_text("Line 19 of")
    page.wait_for_function(f"() => ({end})(document.querySelector('.answer-body')) <= 1")
    assert body.evaluate("body => body.scrollTop") > 0
    body.evaluate("body => { body.scrollTop = 100 }")
    gates[20].set()
    expect(body).to_contain_text("Line 39 of")
    assert body.evaluate("body => body.scrollTop") == 100
    # What grows before the browser has told of the scroll is no step back of the reader's.
    body.evaluate("""body => {
      body.scrollTop = body.scrollHeight;
      [...body.children].at(-2).style.paddingBottom = "200px";
    }""")
    gates[40].set()
    expect(body).to_contain_text("Line 59 of")
    page.wait_for_function(f"() => ({end})(document.querySelector('.answer-body')) <= 1")
    gates[60].set()
    is_over(page)


def test_the_timeline_says_what_waited_for_what_while_it_happens(
    page: Page, site: Site, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    say(upstream, monkeypatch, gate)
    ask(page, site, upstream, ("ada", "bea"))
    page.get_by_text("Timeline: what waited for what").click()
    row = page.get_by_role("row", name=re.compile("^Ada"))
    expect(row).to_contain_text("going on")
    expect(row.locator(".lane-grows animate")).to_have_count(1)
    gate.set()
    is_over(page)
    expect(row).to_contain_text("complete")
    expect(page.get_by_role("row", name=re.compile("^Judge: writing the merged answer"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^Fused answer"))).to_be_visible()
    expect(page.locator(".lane-grows")).to_have_count(0)


def test_on_paper_every_answer_is_unfolded(
    page: Page, site: Site, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(upstream, monkeypatch)
    page.set_viewport_size(NARROW)
    ask(page, site, upstream, ("ada", "bea"))
    is_over(page)
    expect(answer(page, "Bea")).to_be_hidden()
    page.emulate_media(media="print")
    for name in ("Ada", "Bea"):
        expect(answer(page, name).locator(".answer-body")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("tab")).to_have_count(0)
