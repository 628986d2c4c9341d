"""A run goes on: late answers are fused, failed members asked again, points chosen to be kept, versions read and compared,
and it is followed up."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import open_page
from tests.browser.test_accounts import make_token, sign_up
from tests.site_process import Site
from tests.upstream import Script, Upstream, candidates_in, judge_for, task_of, verdict

pytestmark = pytest.mark.browser
PROMPT = "Is it safe to add a column to a table of forty million rows while the site is up?"
# Selects from one text in an element to another.
SELECT = """
(body, [start, end]) => {
  const places = [];
  const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) for (let at = 0; at < walker.currentNode.data.length; at += 1) places.push([walker.currentNode, at]);
  const text = body.textContent;
  const last = text.indexOf(end, text.indexOf(start)) + end.length - 1;
  const [from, to] = [places[text.indexOf(start)], places[last]];
  getSelection().setBaseAndExtent(from[0], from[1], to[0], to[1] + 1);
}
"""
NARROW: ViewportSize = {"width": 320, "height": 700}
BEA = "Add it as *nullable*.\n\nThen fill it in one batch.\n\n- Look at the locks."
ADA = (
    "Read [the handbook](https://example.com/how/to) first: it takes $\\frac{\\alpha}{f}$ of the time, says it.\n\n"
    "See [the same](https://example.com/how/to) for 😀 **more** of [it](/x)."
)
CYD = "Add it as *nullable*.\n\nThen fill it in small batches.\n\n- Look at the locks.\n- Be patient."


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Give the upstream of this module."""
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def gate(upstream: Upstream) -> Iterator[threading.Event]:
    """Have the upstream not know ada, and give what its cyd waits for after her first words, so that she is late."""
    middle, opened = len(CYD) // 2, threading.Event()
    upstream.scripts |= {
        "bea": Script([BEA]),
        "cyd": Script([CYD[:middle], CYD[middle:]], gate=opened, gate_at=1),
        "ada": Script(status=401, body={"error": {"message": "no such key"}}),
        "judge": judge_for("small batches"),
    }
    yield opened
    opened.set()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Site]:
    """Give a site that may reach the upstream, and where everybody may have one run going on."""
    data_dir = tmp_path_factory.mktemp("again")
    env = {
        "FUSION_PRIVATE_UPSTREAMS": upstream.host_port,
        "FUSION_REHEARSAL": "0",
        "FUSION_RUNS_PER_PERSON": "1",
    }
    with Site(data_dir, **env) as running:
        yield running


def set_up(page: Page, site: Site, upstream: Upstream, quorum: int = 1) -> None:
    """Give the page's person a preset of ada, bea and cyd that waits for one answer only, or so many, over REST."""
    headers = {"Authorization": f"Bearer {make_token(page)}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, trust_env=False, timeout=30) as rest:

        def make(what: str, **fields: Any) -> str:
            answer = rest.post(f"/{what}", json=fields)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])

        where = {"connection": make("connections", name="Up", kind="openai", base_url=upstream.url)}
        members = [{**where, "model": name, "label": name.title()} for name in ("ada", "bea", "cyd")]
        pool = make("pools", name="Three", members=members)
        judge = make("judges", name="Judge", **where, model="judge", swap_check=False)
        make("presets", name="Three", pool=pool, judge=judge, mode="best_of", quorum=quorum, grace=1)


def ask(page: Page) -> None:
    """Ask the prompt from the compose page, and wait for the run's live page."""
    page.goto("/")
    page.get_by_label("Prompt").fill(PROMPT)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/runs/\w+/$"))
    expect(page.locator("main")).to_have_attribute("data-connection", "live")


def test_a_run_that_is_over_goes_on(
    page: Page, site: Site, upstream: Upstream, gate: threading.Event
) -> None:
    sign_up(page, "again@example.com")
    set_up(page, site, upstream)
    ask(page)
    header, fused = page.locator("#run-header"), page.locator("#fused")
    expect(fused).to_contain_text("one batch")
    expect(page.get_by_role("button", name="Fuse again")).to_have_count(0)
    gate.set()
    expect(header).to_have_attribute("data-final", "")

    again = page.get_by_role("button", name="Fuse again with 1 late answer")
    again.focus()
    page.keyboard.press("Enter")
    expect(fused).to_contain_text("version 2")
    expect(fused).to_contain_text("small batches")
    expect(fused.get_by_role("navigation")).to_contain_text("Compare")
    expect(page.locator("#verdict")).to_contain_text("Cyd is best")
    expect(page.get_by_role("button", name="Fuse again", exact=True)).to_be_visible()

    ada, held = page.get_by_role("article", name="Ada"), threading.Event()
    upstream.scripts["ada"] = Script(["Ada ", "answers now."], gate=held, gate_at=1)
    ada.get_by_role("button", name="Retry Ada").click()
    expect(header).to_contain_text("Asking again")
    expect(header.get_by_role("button", name="Stop")).to_be_visible()
    expect(ada).to_contain_text("attempt 2")
    held.set()
    expect(ada).to_contain_text("answers now")
    expect(header).to_have_attribute("data-final", "")
    expect(page.get_by_role("button", name="Fuse again with 1 new answer")).to_be_visible()

    upstream.scripts["dan"] = Script(["Dan answers, too."])
    page.get_by_role("link", name="Ask another model").click()
    page.get_by_label("Model", exact=True).fill("dan")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/runs/\w+/$"))
    expect(page.get_by_role("article", name="dan")).to_contain_text("Dan answers, too.")
    expect(page.get_by_role("button", name="Fuse again with 2 new answers")).to_be_visible()

    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    fused.get_by_role("link", name="Compare").click()
    expect(page.locator("ins").first).to_have_text("small")
    expect(page.locator("del").first).to_have_text("one")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.get_by_role("link", name="Version 1", exact=True).click()
    expect(page.locator(".fused-body")).to_contain_text("one batch")
    page.get_by_role("link", name="Back to the run").click()
    expect(fused).to_contain_text("version 2")
    followed_up(page, upstream)


def followed_up(page: Page, upstream: Upstream) -> None:
    """Follow the run up by keyboard on a narrow screen, with a reload in between, and go back to it from the follow-up."""
    held = threading.Event()
    upstream.scripts["cyd"] = Script(["Cyd ", "goes on."], gate=held, gate_at=1)
    page.locator(".follow-up").scroll_into_view_if_needed()
    box = page.get_by_role("form", name="Follow up")
    box.get_by_role("textbox").fill("And how long does it take?")
    box.get_by_role("radio", name=re.compile("^Fused answer")).focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => Object.values(sessionStorage).some((draft) => draft.includes('\"own\"'))")
    page.reload()
    page.locator(".follow-up").scroll_into_view_if_needed()
    expect(box.get_by_role("textbox")).to_have_value("And how long does it take?")
    expect(box.get_by_role("radio", name=re.compile("^Own answers"))).to_be_checked()
    expect(box.locator("#follow-estimate")).to_have_text("cost unknown")
    box.get_by_role("textbox").focus()
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/runs/\w+/#run$"))
    expect(page.locator("#copy-fused")).to_be_visible()
    expect(page.locator(".follow-up")).to_be_hidden()
    held.set()
    expect(page.locator("#run-header")).to_have_attribute("data-final", "")
    said = [m["content"] for m in upstream.asked("cyd")[-1].body["messages"]]
    assert said == [PROMPT, CYD, "And how long does it take?"]
    thread = page.get_by_role("region", name="Earlier in this thread")
    expect(thread).to_contain_text("Each of its models was shown its own answers of the thread.")
    expect(thread.get_by_role("group", name="Prompt and fused answer of turn 1")).to_contain_text(
        "small batches"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    thread.get_by_role("link", name="Open this run").click()
    page.locator(".follow-up").scroll_into_view_if_needed()
    expect(box.get_by_role("textbox")).to_have_value("")
    later = page.get_by_role("region", name="Follow-ups")
    expect(later).to_contain_text("history: own answers")
    expect(later.get_by_role("link", name="And how long does it take?")).to_be_visible()


def test_a_refusal_is_said_on_the_page(
    page: Page, site: Site, upstream: Upstream, gate: threading.Event
) -> None:
    gate.set()
    sign_up(page, "refused@example.com")
    set_up(page, site, upstream)
    ask(page)
    expect(page.locator("#run-header")).to_have_attribute("data-final", "")
    upstream.scripts["cyd"] = Script([CYD], gate=threading.Event())
    second = open_page(page.context)
    ask(second)
    page.get_by_role("button", name="Fuse again").click()
    expect(page.get_by_role("status").filter(has_text="You have 1 runs going on")).to_be_visible()
    expect(page.locator("#run-header")).to_have_attribute("data-final", "")


def pointing_out(body: dict[str, Any]) -> Script:
    """Judge for bea, with two points; merge these and her first words."""
    if task_of(body) == "merge":
        return Script(["Look at the locks. ", "Add it as *nullable*."])
    if task_of(body) != "judge":
        return judge_for("one batch")(body)
    found = candidates_in(body)
    bea = next(letter for letter, text in found.items() if "one batch" in text)
    return Script([verdict(bea, found, consensus=["Look at the locks."], blind_spots=["Nobody asks why."])])


def passages_over_maths_and_links(page: Page) -> None:
    """Leave out passages of ada's that begin or end in what is shown otherwise than it is written, and see them whole."""
    ada = page.get_by_role("article", name="Ada")
    for start, end, wanted in [
        ("it takes", "says it.", "it takes $\\frac{\\alpha}{f}$ of the time, says it."),
        ("the hand", "book", "the handbook"),
        ("See", "the s", "See [the same](https://example.com/how/to)"),
        ("first:", "α", "first: it takes $\\frac{\\alpha}{f}$"),
    ]:
        ada.locator(".answer-body").evaluate(SELECT, [start, end])
        ada.get_by_role("button", name="Leave out").click()
        expect(ada.get_by_role("toolbar")).to_have_count(0)
        choice = json.loads(page.locator("#guide input[name=choice]").input_value())
        assert choice["drop"][-1]["text"] == wanted
        assert ADA[choice["drop"][-1]["offset"] :].startswith(wanted)


def test_a_person_chooses_what_is_kept(
    page: Page, site: Site, upstream: Upstream, gate: threading.Event
) -> None:
    upstream.scripts |= {"ada": Script([ADA]), "judge": pointing_out}
    sign_up(page, "guided@example.com")
    set_up(page, site, upstream, quorum=2)
    page.goto("/")
    page.get_by_label("Prompt").fill(PROMPT)
    page.get_by_label("Let me choose before the final step").check()
    page.keyboard.press("Control+Enter")
    panel, header = (
        page.get_by_role("region", name="Choose what the fused answer keeps"),
        page.locator("#run-header"),
    )
    expect(header).to_contain_text("Waits for you")
    fuse = panel.get_by_role("button", name="Fuse with your points")
    expect(fuse).to_be_disabled()

    # Points are ticked in the verdict, one way or the other.
    point = page.get_by_role("group", name="Look at the locks.")
    point.get_by_label("Leave out").check()
    point.get_by_label("Keep").focus()
    page.keyboard.press("Space")
    expect(point.get_by_label("Leave out")).not_to_be_checked()
    page.get_by_role("group", name="Nobody asks why.").get_by_label("Leave out").check()

    # A passage is selected by keyboard or mouse, and Tab leads to what can be done with it.
    bea, picks = page.get_by_role("article", name="Bea"), panel.get_by_role("listitem")
    bea.locator(".answer-body").focus()
    page.keyboard.press("Shift+ArrowDown")
    expect(bea.get_by_role("toolbar")).to_be_visible()
    page.keyboard.press("Tab")
    expect(bea.get_by_role("button", name="Keep this")).to_be_focused()
    page.keyboard.press("Enter")
    expect(picks).to_have_count(3)
    expect(bea.get_by_role("toolbar")).to_have_count(0)
    bea.get_by_text("Then fill it in one batch.").click(click_count=3)
    bea.get_by_role("button", name="Leave out").click()
    panel.get_by_role("listitem").filter(has_text="one batch").get_by_role("button", name="Remove").click()
    expect(picks).to_have_count(3)
    passages_over_maths_and_links(page)

    # Neither news of the run nor a reload loses anything.
    gate.set()
    expect(page.get_by_role("article", name="Cyd")).to_contain_text("Be patient")
    expect(point.get_by_label("Keep")).to_be_checked()
    page.reload()
    told = ["Look at the locks", "Nobody asks", "Add it as nullable", "time", "handbook", "the same", "first"]
    expect(picks).to_have_text([re.compile(each) for each in told])
    expect(point.get_by_label("Keep")).to_be_checked()
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    fuse.click()
    expect(header).to_have_attribute("data-final", "")
    fused = page.locator("#fused")
    expect(fused).to_contain_text("Merged answer")
    expect(fused.get_by_role("listitem").filter(has_text="found")).to_have_count(2)
    expect(fused.get_by_role("listitem").filter(has_text="not there")).to_have_text(
        [re.compile("Nobody asks why"), *[re.compile(".")] * 4]
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]

    # Once it is over, other points make a further version.
    panel = page.get_by_role("region", name="Fuse with your points")
    expect(panel.get_by_role("button", name="Fuse with your points")).to_be_disabled()
    point.get_by_label("Leave out").check()
    panel.get_by_role("button", name="Fuse with your points").click()
    expect(fused).to_contain_text("version 2")
    expect(fused.get_by_role("listitem").filter(has_text="still there")).to_have_text(
        re.compile("Look at the locks")
    )
