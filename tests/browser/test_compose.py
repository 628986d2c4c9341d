"""Composing in a real browser: files by drop, paste and choice, drafts over a restart, two tabs, the keyboard, narrow pages."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accounts import make_token, sign_up
from tests.pictures import png
from tests.site_process import Site
from tests.upstream import Script, Upstream, judge_for

pytestmark = pytest.mark.browser
# Gives files to the page as a drop or a paste does; a picture of its own is drawn in the browser, so that it is a real one.
GIVE = """
async ([event, named]) => {
  const transfer = new DataTransfer();
  for (const [name, type, text] of named) {
    let body = text;
    if (type.startsWith("image/")) {
      const canvas = new OffscreenCanvas(Number(text), 40);
      const context = canvas.getContext("2d");
      const pixels = context.createImageData(Number(text), 40);
      for (let at = 0; at < pixels.data.length; at += 1) pixels.data[at] = at % 4 === 3 ? 255 : (at * 7919) % 256;
      context.putImageData(pixels, 0, 0);
      body = await canvas.convertToBlob({ type });
    }
    transfer.items.add(new File([body], name, { type }));
  }
  const made = event === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.getElementById("prompt").dispatchEvent(made);
}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Give the upstream of this module."""
    server = Upstream()
    server.scripts |= {name: Script([f"{name} sees it."]) for name in ("ada", "bea")}
    server.scripts["judge"] = judge_for("bea")
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Site]:
    """Give a site that may ask the upstream."""
    running = Site(tmp_path_factory.mktemp("compose"), FUSION_PRIVATE_UPSTREAMS=upstream.host_port)
    try:
        yield running.start()
    finally:
        running.close()


def files(page: Page) -> Locator:
    """Give the files beside the prompt."""
    return page.locator("#files .file")


def test_files_drafts_and_tabs(page: Page, site: Site, tolerated: list[str]) -> None:
    sign_up(page, "writer@example.com")
    page.goto("/")
    prompt = page.get_by_label("Prompt", exact=True)
    page.evaluate(GIVE, ["dragenter", [["a.png", "image/png", "60"]]])
    expect(page.get_by_text("Drop the files to add them to the prompt")).to_have_count(1)
    page.evaluate(
        GIVE,
        ["drop", [["bad.bin", "", "\0\1"], ["a.png", "image/png", "60"], ["b.webp", "image/webp", "50"]]],
    )
    expect(files(page)).to_have_count(2)
    page.evaluate(GIVE, ["paste", [["c.jpg", "image/jpeg", "70"], ["notes.md", "text/markdown", "# Notes"]]])
    expect(files(page)).to_have_count(4)
    expect(page.locator("#file-status")).to_have_text("4 files with the prompt")
    # What was kept of each picture is a picture that this browser draws.
    widths = "[...document.querySelectorAll('.file img')].map((each) => each.complete && each.naturalWidth)"
    page.wait_for_function(f"{widths}.every(Boolean)")
    assert page.evaluate(widths) == [60, 50, 70]
    with page.expect_response(re.compile(r"/draft/$")):
        prompt.press_sequentially("Which is it?")
    expect(page.locator("#draft-note")).to_contain_text("Draft kept")
    expect(page.locator("#before")).to_contain_text("0 of 3 members can see the pictures.")

    tolerated += ["ERR_CONNECTION_REFUSED", "htmx:sendError"]
    site.stop()
    site.start()
    other = page.context.new_page()
    for each in (page, other):
        each.goto("/")
        expect(each.get_by_label("Prompt", exact=True)).to_have_value("Which is it?")
        expect(files(each)).to_have_count(4)
    with page.expect_response(re.compile(r"/draft/$")):
        prompt.fill("Here")
    with other.expect_response(re.compile(r"/draft/$")):
        other.get_by_label("Prompt", exact=True).fill("There")
    expect(other.get_by_text("being written in another tab")).to_be_visible()
    page.goto("/")
    expect(prompt).to_have_value("There")
    expect(page.get_by_role("link", name="Here")).to_be_visible()
    other.close()


def test_a_large_photograph_is_made_to_fit(page: Page) -> None:
    sign_up(page, "photographer@example.com")
    page.goto("/")
    noise = """
    async () => {
      const canvas = new OffscreenCanvas(2600, 1300);
      const context = canvas.getContext("2d");
      const pixels = context.createImageData(2600, 1300);
      for (let at = 0; at < pixels.data.length; at += 65536) crypto.getRandomValues(pixels.data.subarray(at, at + 65536));
      context.putImageData(pixels, 0, 0);
      const blob = await canvas.convertToBlob({ type: "image/png" });
      const transfer = new DataTransfer();
      transfer.items.add(new File([blob], "photo.png", { type: "image/png" }));
      document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
      return blob.size;
    }
    """
    assert page.evaluate(noise) > 4_200_000
    expect(files(page)).to_contain_text("2048 × 1024", timeout=20_000)


def test_a_picture_is_asked_by_keyboard_alone_and_shown_at_320_px(
    page: Page, site: Site, upstream: Upstream
) -> None:
    sign_up(page, "asker@example.com")
    _preset(page, site, make_token(page, "Setting up"), upstream)
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto("/")
    page.get_by_role("radio", name=re.compile("^Seen")).check()
    page.evaluate(GIVE, ["paste", [["plan.png", "image/png", "64"]]])
    expect(page.locator("#before")).to_contain_text("Nobody has told whether Ada and Bea can")
    page.get_by_role("checkbox", name="Send pictures to Bea").focus()
    page.keyboard.press("Space")
    expect(page.locator("#before")).to_contain_text("Not sent to Bea")
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.type("What is on it?")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/runs/\w+/$"))
    expect(page.locator("#run-header")).to_have_attribute("data-state", "done", timeout=30_000)
    expect(page.get_by_text("Not shown the picture: Bea.")).to_be_visible()
    picture = page.get_by_role("img", name="plan.png")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("naturalWidth", 64)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    sent = upstream.asked("ada")[0].body["messages"][-1]["content"][1]["image_url"]["url"]
    assert base64.b64decode(sent.partition(",")[2]).startswith(png()[:8])
    assert isinstance(upstream.asked("bea")[0].body["messages"][-1]["content"], str)
    page.goto("/")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")
    expect(files(page)).to_have_count(0)


def _preset(page: Page, site: Site, token: str, upstream: Upstream) -> None:
    """Make a preset over the upstream."""

    def make(kind: str, data: dict[str, object]) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        answer = page.request.post(f"{site.url}/api/v1/{kind}", data=data, headers=headers)
        assert answer.status == 201, answer.text()
        return str(answer.json()["id"])

    where = make("connections", {"name": "Up", "kind": "openai", "base_url": upstream.url})
    members = [{"connection": where, "model": name, "label": name.title()} for name in ("ada", "bea")]
    pool = make("pools", {"name": "Two", "members": members})
    judge = make("judges", {"name": "Judge", "connection": where, "model": "judge", "swap_check": False})
    make("presets", {"name": "Seen", "pool": pool, "judge": judge, "mode": "best_of"})
