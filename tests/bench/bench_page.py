"""A run's page in a real browser while eight members write at once: what it costs the browser, and what it costs the wire.

Each member writes 80 tokens a second of ordinary markdown, and then the merged answer is written at that pace above them.
Measured over a stretch of each: the main thread's time (all tasks, of which script, style and layout are told apart), the
bytes of the socket's frames, and the elements of the page. Whether work grows with the text, not with its square, shows in
the second half against the first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import CDPSession, Page, expect, sync_playwright

from tests.browser.test_accounts import make_token, sign_up
from tests.chromium import FLAGS, find
from tests.site_process import Site
from tests.upstream import Asked, Script, Upstream, judge_for, task_of

MEMBERS = ("ada", "bea", "cyd", "dan", "eve", "fay", "gus", "hal")
TOKENS_A_S = 80
# How long the members write, and then the merger, and the stretch of it that is measured, in seconds.
WRITES_S, MERGES_S = 26, 16
WARM_S, HALF_S = 2.0, 8.0
MERGED_S = 10.0
# Goals: milliseconds of the main thread for each second of streams, bytes for each byte of text, and the second half's
# work against the first half's.
MOST_MS, MOST_BYTES, MOST_GROWTH = 150.0, 3.0, 1.5
_WORDS = [
    "column",
    "table",
    "index",
    "lock",
    "replica",
    "batch",
    "write",
    "read",
    "nullable",
    "default",
    "migration",
    "rollback",
    "query",
    "plan",
    "row",
    "page",
    "cache",
    "constraint",
    "backfill",
    "safe",
    "slow",
    "before",
    "after",
    "while",
    "because",
    "until",
    "deploy",
    "reader",
    "writer",
    "the",
    "a",
    "of",
    "in",
    "and",
    "with",
    "no",
    "one",
]
_TIMES = ("TaskDuration", "ScriptDuration", "RecalcStyleDuration", "LayoutDuration")


def markdown(seed: int, tokens: int) -> list[str]:
    """Give so many pieces of markdown, of about four letters each: paragraphs, lists, headings, code and a table."""
    chance = random.Random(seed)
    pieces: list[str] = []

    def words(count: int) -> list[str]:
        return [f" {chance.choice(_WORDS)}" for _ in range(count)]

    while len(pieces) < tokens:
        pieces += ["## ", "Step", *words(3), "\n\n", "First", *words(60), ".", "\n\n"]
        for _ in range(4):
            pieces += ["- ", "**do**", *words(12), "\n"]
        pieces += ["\n", "```python\n", "def", " move(", "rows)", ":\n", "    return", " rows", "\n```\n\n"]
        pieces += [
            "| a | b |\n",
            "| --- | --- |\n",
            "| one |",
            " two |\n",
            "\n",
            "Then",
            *words(80),
            ".",
            "\n\n",
        ]
    return pieces[:tokens]


@dataclass
class Wire:
    """The bytes of the frames that came."""

    received: int = 0

    def heard(self, event: dict[str, Any]) -> None:
        """Count one frame."""
        self.received += len(event["response"]["payloadData"].encode())


@dataclass
class Look:
    """What the browser and the wire had used by one moment."""

    metrics: dict[str, float]
    received: int
    written: int

    def ms_since(self, before: Look, name: str) -> float:
        """Give the milliseconds of the main thread for each second since then."""
        seconds = self.metrics["Timestamp"] - before.metrics["Timestamp"]
        return (self.metrics[name] - before.metrics[name]) * 1000 / seconds


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Give eight members that write at the same pace, and a judge."""
    server = Upstream()
    for number, name in enumerate(MEMBERS):
        pieces = markdown(number, TOKENS_A_S * WRITES_S)
        server.scripts[name] = Script(pieces, pace_s=1 / TOKENS_A_S)
    picks, merged = judge_for("bea"), markdown(len(MEMBERS), TOKENS_A_S * MERGES_S)
    server.scripts["judge"] = lambda body: (
        Script(merged, pace_s=1 / TOKENS_A_S) if task_of(body) == "merge" else picks(body)
    )
    yield server
    server.close()


@pytest.fixture
def site(tmp_path: Path, upstream: Upstream) -> Iterator[Site]:
    """Give a site that may reach the upstream."""
    running = Site(tmp_path, FUSION_PRIVATE_UPSTREAMS=upstream.host_port, FUSION_REHEARSAL="0")
    try:
        yield running.start()
    finally:
        running.close()


@contextmanager
def browsing(site: Site) -> Iterator[Page]:
    """Give a page of 1280 by 900 in a browser of its own."""
    path = find()
    if path is None:
        pytest.skip("no Chromium or Chrome is installed; `make test` can fetch one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
        yield context.new_page()
        browser.close()


def ask(page: Page, site: Site, upstream: Upstream) -> None:
    """Ask all eight, and wait until the run's page is live and everybody writes."""
    sign_up(page, "page@example.com")
    headers = {"Authorization": f"Bearer {make_token(page)}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, trust_env=False) as rest:

        def make(what: str, **fields: Any) -> str:
            made = rest.post(f"/{what}", json=fields)
            assert made.status_code == 201, made.text
            return str(made.json()["id"])

        up = make("connections", name="Up", kind="openai", base_url=upstream.url)
        members = [{"connection": up, "model": name, "label": name.title()} for name in MEMBERS]
        pool = make("pools", name="Eight", members=members)
        judge = make("judges", name="Judge", connection=up, model="judge", swap_check=False)
        preset = make("presets", name="Eight", pool=pool, judge=judge, mode="merge", quorum=8)
        run = make("runs", preset=preset, prompt="How do I add a column?")
    page.goto(f"/runs/{run}/")
    expect(page.locator("main")).to_have_attribute("data-connection", "live")
    expect(page.locator(".answer-body > .block:first-child")).to_have_count(len(MEMBERS), timeout=15_000)


@dataclass
class Watch:
    """A page under watch; what is counted as written is the upstream's work, not the browser's."""

    page: Page
    upstream: Upstream
    wire: Wire
    cdp: CDPSession

    @classmethod
    def of(cls, page: Page, upstream: Upstream) -> Watch:
        """Begin to count."""
        cdp, wire = page.context.new_cdp_session(page), Wire()
        cdp.send("Network.enable")
        cdp.on("Network.webSocketFrameReceived", wire.heard)
        cdp.send("Performance.enable", {"timeDomain": "timeTicks"})
        return cls(page, upstream, wire, cdp)

    def looks(self, *seconds: float) -> list[Look]:
        """Give what has been used by now, and after each of these stretches."""
        found = [self._look()]
        for stretch in seconds:
            self.page.wait_for_timeout(stretch * 1000)
            found.append(self._look())
        return found

    def _look(self) -> Look:
        found = self.cdp.send("Performance.getMetrics")["metrics"]
        asked = [*(self.upstream.asked(name)[-1] for name in MEMBERS), *self._merging()]
        written = sum(len(each.said.encode()) for each in asked)
        return Look({each["name"]: each["value"] for each in found}, self.wire.received, written)

    def _merging(self) -> list[Asked]:
        return [asked for asked in self.upstream.asked("judge") if task_of(asked.body) == "merge"]


def told(what: str, begin: Look, end: Look) -> tuple[float, float]:
    """Print what a stretch used, and give its milliseconds a second and its bytes for each byte of text."""
    seconds = end.metrics["Timestamp"] - begin.metrics["Timestamp"]
    work = end.ms_since(begin, "TaskDuration")
    share = (end.received - begin.received) / (end.written - begin.written)
    parts = ", ".join(
        f"{name.removesuffix('Duration').lower()} {end.ms_since(begin, name):.0f}" for name in _TIMES[1:]
    )
    print(f"\n{what}, {(end.written - begin.written) / seconds / 1000:.1f} kB of text a second in all")
    print(f"main thread  {work:.0f} ms of each second ({parts}); goal {MOST_MS:.0f}")
    print(f"socket       {share:.2f} bytes for each byte of text")
    print(f"elements     {begin.metrics['Nodes']:.0f} nodes at first, {end.metrics['Nodes']:.0f} at the end")
    return work, share


def test_eight_members_and_what_is_fused_of_them_leave_the_browser_time_for_its_reader(
    site: Site, upstream: Upstream
) -> None:
    with browsing(site) as page:
        watch = Watch.of(page, upstream)
        ask(page, site, upstream)
        page.wait_for_timeout(WARM_S * 1000)
        members = watch.looks(HALF_S, HALF_S)
        assert page.locator("#fused-body:empty").count() == 1, "they wrote for too short a time"
        expect(page.locator("#fused-body > .block")).not_to_have_count(0, timeout=30_000)
        fused = watch.looks(MERGED_S)
        assert page.locator("#run-header[data-final]").count() == 0, "it was merged in too short a time"
    work, share = told("eight members", members[0], members[-1])
    begin, middle, end = members
    growth = end.ms_since(middle, "TaskDuration") / middle.ms_since(begin, "TaskDuration")
    print(f"growth       second half against the first {growth:.2f}; goal {MOST_GROWTH}")
    work_alone, share_alone = told("the merged answer", *fused)
    assert max(work, work_alone) < MOST_MS
    assert max(share, share_alone) < MOST_BYTES
    assert growth < MOST_GROWTH
