"""Every page of the site, found by the table of addresses: axe in light and dark, 320 px, large text, forced colours, bytes.

axe-core comes inside a package of PyPI, pinned by its hash as all that the tests need: so `make test` needs no Node.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import VIEWPORT
from tests.showcase.scene import Person, Scene, showcase
from tests.showcase.walk import page_doors, pages_for

pytestmark = pytest.mark.browser
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
DARK_AND_NARROW = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
KINDS = (
    "axe, light",
    "axe, dark and narrow",
    "320 px",
    "text at 200 %",
    "forced colours",
    "motion",
    "bytes",
    "shift",
)
# All of HTML, CSS and JS of the site's own that come before the content can be read and used; htmx is not of the site's own.
OWN_BYTES = 60_000
# What no walk gets to, and why.
NOT_WALKED = {
    "/accounts/login/code/confirm/": "signing in by mailed codes is off",
    "/accounts/factors/authenticate/": "in the middle of signing in; tests/browser/test_sign_in.py",
    "/accounts/factors/webauthn/keys/{pk}/edit/": "needs a passkey; tests/browser/test_sign_in.py",
    "/accounts/factors/webauthn/keys/{pk}/remove/": "needs a passkey; tests/browser/test_sign_in.py",
    "/accounts/factors/webauthn/login/": "a reply to a script",
    "/accounts/factors/webauthn/reauthenticate/": "needs a passkey; tests/browser/test_sign_in.py",
    "/accounts/factors/recovery-codes/download/": "a file",
    "/accounts/password/set/": "for people without a password",
    "/draft/files/{file_id}/picture/": "a picture; tests/runs/test_compose.py",
    "/export/": "a file",
    "/judges/{row_id}/export/": "a file",
    "/judges/{row_id}/name/": "a part of a page",
    "/pools/{row_id}/export/": "a file",
    "/pools/{row_id}/name/": "a part of a page",
    "/presets/{row_id}/export/": "a file",
    "/presets/{row_id}/name/": "a part of a page",
    "/runs/{run_id}/pictures/{sha256}": "a picture; tests/runs/test_pictures.py",
    "/runs/{run_id}/row/": "a part of a page",
    "/runs/{run_id}/timeline/": "a part of a page; tests/browser/test_run_page.py",
    "/compact/files/progress/": "a part of a page",
    "/compact/rates/": "a part of a page",
    "/compact/state/": "a part of a page",
    "/connections/openrouter/": "leads away",
    "/connections/openrouter/{state}/": "comes back from away; tests/browser/test_openrouter.py",
    "/join/{token}/": "leads to /join/, which is looked at",
    "/livez": "for machines",
    "/readyz": "for machines",
    "/runs/{run_id}/fuse/estimate/": "a part of a page",
    "/sign-on/{sign_on_id}/": "needs a service to sign on by; tests/browser/test_sign_on.py",
    "/sign-on/{sign_on_id}/back/": "comes back from away",
    "/sign-on/{sign_on_id}/go/": "leads away",
    "/team/second-factor/": "only where a team wants two factors; tests/accounts",
}
FILES = (".md", ".{form}")

# What is named by a page before its content, and how large the page itself is without that.
BEFORE_CONTENT = """(html) => {
  const bytes = (text) => new TextEncoder().encode(text).length;
  const first = new DOMParser().parseFromString(html, "text/html");
  const named = [...first.querySelectorAll("link[rel='stylesheet'], script[src]")].map((each) => each.href || each.src);
  return [bytes(html) - bytes(first.querySelector("main").innerHTML), named.filter((each) => !each.includes("/django_htmx/"))];
}"""
# Which elements reach past the right edge of the screen, though nothing around them scrolls.
PAST_THE_EDGE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (element) => element && element !== document.documentElement &&
    (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
  return [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > width + 0.5 && !scrolls(each.parentElement))
    .slice(0, 3).map((each) => `${each.outerHTML.slice(0, 90)} → ${Math.round(each.getBoundingClientRect().right)}`)
    .concat(`page ${document.documentElement.scrollWidth} of ${width}`);
}"""
# Where the focus goes by Tab there has to be a ring: of the element, or of what holds it (a chip, a tab, a row).
NO_RING = """() => {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return null;
  const ringed = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  };
  return ringed(focused) || ringed(focused.closest("label, li, .chip, .tab") ?? focused)
    ? null : focused.outerHTML.slice(0, 120);
}"""
MOVING = """() => document.getAnimations().filter((each) => each.playState === "running")
  .filter((each) => each.effect.getComputedTiming().activeDuration > 100).map((each) => each.animationName)"""
SHIFTS = """
window.shifted = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
    window.shifted.push([entry.value, ...entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80) ?? "")]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
# The first message of a socket takes the place of what the page shows.
LIVE = "() => !document.querySelector('[ws-connect]') || document.getElementById('main').dataset.connection === 'live'"
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
AXE_RUN = """async (only) => {
  await Promise.all(document.getAnimations().map((each) => each.finished.catch(() => 0)));
  const found = await axe.run(document, { runOnly: only, resultTypes: ["violations"] });
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${id}: ${html.slice(0, 160)} — ${failureSummary.split("\\n").slice(1, 3).join(" ").trim().slice(0, 220)}`));
}"""


@dataclass
class Walk:
    """What was wrong on which page, by kind, and which doors were walked through."""

    faults: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    doors: set[str] = field(default_factory=set)
    pages: int = 0

    def note(self, kind: str, where: str, faults: list[Any]) -> None:
        """Keep what is wrong at a page."""
        self.faults[kind] += [f"{where}: {fault}" for fault in faults]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Give a site with everything on it."""
    with showcase(tmp_path_factory.mktemp("every-page")) as made:
        yield made


@pytest.fixture(scope="module")
def walk(browser: Browser, scene: Scene) -> Walk:
    """Go to every page once, as the owner, as a viewer with two factors, as a new person, and as nobody."""
    return walk_of(browser, scene)


def walk_of(browser: Browser, scene: Scene) -> Walk:
    """Walk through the scene."""
    walk = Walk()
    nobody = scene.people["nobody"] = Person(scene.site, "nobody")
    runs = [f"/runs/{scene.runs[name]}/" for name in ("partial", "failed", "guided", "sum")]
    run = f"/runs/{scene.runs['merge']}/"
    more = [
        f"{scene.links['open']}compose/",
        f"{run}versions/compare/",
        f"{run}comments/",
        f"{run}vote/",
        f"{run}follow-up/",
    ]
    links = [scene.links["open"], scene.links["vote"]]
    new = ["/accounts/factors/totp/activate/", "/runs/", "/insights/", "/", "/links/", "/tokens/", "/judges/"]
    _walk_as(browser, walk, "alice", scene.people["alice"], [run, *more], runs)
    hollow = ["/accounts/password/reset/key/1-none/", "/accounts/confirm-email/none/"]
    shut = [scene.links["locked"], scene.links["invitation"], "/no/such/"]
    _walk_as(browser, walk, "nobody", nobody, [scene.links["open"], *hollow], [*links, *shut])
    _walk_as(browser, walk, "dave", scene.people["dave"], [], None, only="/accounts/")
    _walk_as(browser, walk, "charlie", scene.people["charlie"], [], new, only="none")
    return walk


def _walk_as(
    browser: Browser,
    walk: Walk,
    name: str,
    person: Person,
    starts: list[str],
    also: list[str] | None,
    only: str = "/",
) -> None:
    found = {} if only == "none" else pages_for(person.http, starts)
    paths = [path for door, path in found.items() if door.startswith(only) and door not in walk.doors]
    walk.doors |= found.keys()
    context = browser.new_context(
        base_url=str(person.http.base_url), viewport=VIEWPORT, reduced_motion="reduce"
    )
    context.add_cookies(
        [
            {"name": each.name, "value": str(each.value), "url": str(person.http.base_url)}
            for each in person.http.cookies.jar
        ]
    )
    context.add_init_script(AXE)
    context.add_init_script(SHIFTS)
    page = context.new_page()
    for path in dict.fromkeys([*paths, *(also or [])]):
        _look(page, walk, f"{name} {urlsplit(path).path}", path)
        walk.pages += 1
    context.close()


def _look(page: Page, walk: Walk, where: str, path: str) -> None:
    page.emulate_media(color_scheme="light")
    answer = page.goto(path)
    assert answer is not None
    page.wait_for_function(LIVE)
    walk.note("bytes", where, _too_heavy(page, answer.text()))
    walk.note("shift", where, page.evaluate("window.shifted.filter(([value]) => value > 0.02)"))
    walk.note("motion", where, page.evaluate(MOVING))
    walk.note("axe, light", where, _axe(page, {"type": "tag", "values": TAGS}))
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 320, "height": 700})
    page.reload()
    page.wait_for_function(LIVE)
    walk.note("320 px", where, page.evaluate(PAST_THE_EDGE))
    walk.note("axe, dark and narrow", where, _axe(page, {"type": "rule", "values": DARK_AND_NARROW}))
    page.set_viewport_size(VIEWPORT)
    page.emulate_media(forced_colors="active")
    walk.note("forced colours", where, _ringless(page))
    page.emulate_media(forced_colors="none")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    page.evaluate(SETTLED)
    walk.note("text at 200 %", where, page.evaluate(PAST_THE_EDGE))


def _axe(page: Page, only: dict[str, Any]) -> list[str]:
    found: list[str] = page.evaluate(AXE_RUN, only)
    return found


def _ringless(page: Page, steps: int = 6) -> list[str]:
    """Give what of the first few things that Tab goes to shows no ring."""
    found = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        found.append(page.evaluate(NO_RING))
    return [each for each in found if each]


def _too_heavy(page: Page, html: str) -> list[str]:
    """Say what comes before the content if that is too much: the frame of the page, and the styles and scripts it names."""
    own, named = page.evaluate(BEFORE_CONTENT, html)
    before = {"html": own, **{address.rpartition("/")[2]: _size(address) for address in named}}
    return [f"{sum(before.values())} bytes: {before}"] if sum(before.values()) > OWN_BYTES else []


@cache
def _size(address: str) -> int:
    return len(httpx.get(address, trust_env=False, timeout=30).raise_for_status().content)


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_without_faults(walk: Walk, kind: str) -> None:
    assert walk.pages > 70
    assert walk.faults[kind] == []


def test_every_page_was_looked_at(walk: Walk) -> None:
    """A page that the walk does not get to has to be led to by a link, or be named above with the reason."""
    there = {door.path for door in page_doors() if not door.path.endswith(FILES)}
    assert there - walk.doors - NOT_WALKED.keys() == set()
    assert NOT_WALKED.keys() - there == set()


def test_static_files_are_kept_for_good_and_pages_are_not(scene: Scene) -> None:
    with httpx.Client(base_url=scene.site.url, timeout=30) as client:
        html = client.get("/accounts/login/").text
        style = html.split('rel="stylesheet" href="')[1].split('"')[0]
        kept = client.get(style)
        assert kept.headers["cache-control"] == "max-age=315360000, public, immutable"
        # Of a page that was loaded before the site was put up anew, later parts still come.
        older = client.get(style.rsplit(".", 2)[0] + ".000000000000.css")
        assert (older.status_code, older.text) == (200, kept.text)
        assert "immutable" not in older.headers["cache-control"]
