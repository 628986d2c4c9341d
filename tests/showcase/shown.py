"""Which pages are shown in docs/pages.md, under which names, and what there is to see on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import FilePayload, Page

from tests.showcase.scene import Scene
from tests.showcase.texts import SIGHTED, TYPED

PICTURE = Path(__file__).with_name("shop.png")
Prepare = Callable[[Page], object]


@dataclass(frozen=True)
class Shown:
    """One page: the name of its pictures, what it is, who looks at it, where, and what is done there before."""

    name: str
    title: str
    who: str
    path: str
    prepare: Prepare = lambda page: None


def _write(page: Page) -> None:
    """Type a prompt and put a text and a picture beside it; what is there of an earlier draft is taken out."""
    page.get_by_label("Prompt", exact=True).fill(TYPED["prompt"])
    while (remove := page.locator(".file-remove")).count():
        before = remove.count()
        remove.first.click()
        page.wait_for_function("(before) => document.querySelectorAll('.file').length < before", arg=before)
    page.get_by_role("radio", name=SIGHTED).check()
    text = FilePayload(name="0042_orders.sql", mimeType="text/plain", buffer=TYPED["file"].encode())
    page.locator("#file-input").set_input_files(PICTURE)
    page.locator(".file").nth(0).wait_for()
    page.locator("#file-input").set_input_files(text)
    page.locator(".file").nth(1).wait_for()


def _pick(page: Page) -> None:
    """Look for a model."""
    page.locator("[name='members.0.model']").fill("a")
    page.locator(".option").first.wait_for()


def _open_menu(page: Page) -> None:
    """Open what one can do with the first row."""
    page.get_by_role("button", name="More for").first.click()
    page.locator(".row-menu:popover-open").wait_for()


def pages_of(scene: Scene) -> list[Shown]:
    """Give the pages in the order in which a person meets them."""
    plain = [*_way_in(scene), *_runs(scene), *_more_of_runs(scene), *_things(scene), *_team(scene)]
    return [*(Shown(*each) for each in plain), *_prepared(), *(Shown(*each) for each in _empty())]


def _way_in(scene: Scene) -> list[tuple[str, str, str, str]]:
    return [
        ("sign-up", "Sign up", "nobody", "/accounts/signup/"),
        ("sign-in", "Sign in", "nobody", "/accounts/login/"),
        ("join", "An invitation into a team", "nobody", scene.links["invitation"]),
        ("locked", "A shared result behind a password", "nobody", scene.links["locked"]),
        ("missing", "An address that leads nowhere", "nobody", "/no/such/page/"),
    ]


def _runs(scene: Scene) -> list[tuple[str, str, str, str]]:
    run = {name: f"/runs/{each}/" for name, each in scene.runs.items()}
    return [
        ("compose", "Compose", "alice", "/"),
        ("run", "A run: merge, fused twice", "alice", run["merge"]),
        ("run-best-of", "A run: best of", "alice", run["best-of"]),
        ("run-debate", "A run: debate", "alice", run["debate"]),
        ("run-partial", "A run of which one model failed", "alice", run["partial"]),
        ("run-failed", "A run of which all models failed", "alice", run["failed"]),
        ("run-guided", "A run that waits for a choice", "alice", run["guided"]),
        ("run-sum", "A run whose answers agree", "alice", run["sum"]),
        ("run-follow-up", "A follow-up", "alice", run["follow-up"]),
        ("judged", "How a version was judged", "alice", f"{run['merge']}versions/2/judged/"),
        ("compare", "Two versions beside each other", "alice", f"{run['merge']}versions/compare/"),
        ("again", "Ask again", "alice", f"{run['merge']}again/"),
        ("vote", "A vote", "alice", f"{run['debate']}vote/"),
        ("share", "The links to a run", "alice", f"{run['merge']}share/"),
        ("shared", "A shared result, as a stranger sees it", "nobody", scene.links["open"]),
        ("shared-vote", "A shared vote, as a stranger sees it", "nobody", scene.links["vote"]),
        ("runs", "Runs", "alice", "/runs/"),
        ("insights", "Insights", "alice", "/insights/"),
    ]


def _more_of_runs(scene: Scene) -> list[tuple[str, str, str, str]]:
    run = f"/runs/{scene.runs['merge']}/"
    return [
        ("runs-found", "Runs, searched", "alice", "/runs/?q=backups"),
        ("deleted", "Deleted runs", "alice", "/deleted/"),
        ("tags", "Tags", "alice", "/tags/"),
        ("version", "An earlier version", "alice", f"{run}versions/1/"),
        ("timeline", "What waited for what", "alice", f"{run}timeline/"),
        ("ask-another", "Asking another model", "alice", f"{run}ask/"),
        ("follow-up", "Following up", "alice", f"{run}follow-up/"),
        ("comments", "Comments", "alice", f"{run}comments/"),
    ]


def _things(scene: Scene) -> list[tuple[str, str, str, str]]:
    thing = {name: f"/{name}s/{each}/" for name, each in scene.things.items()}
    return [
        ("pools", "Pools", "alice", "/pools/"),
        ("pool", "A pool", "alice", thing["pool"]),
        ("pool-history", "What a pool was before", "alice", f"{thing['pool']}history/"),
        ("pool-record", "What became of a pool's runs", "alice", f"{thing['pool']}record/"),
        ("pool-send", "Copying a pool to another team", "alice", f"{thing['pool']}send/"),
        ("pool-delete", "Deleting a pool", "alice", f"{thing['pool']}delete/"),
        ("set", "A starter set", "alice", "/sets/code-review/"),
        ("import", "Importing", "alice", "/import/"),
        ("judges", "Judges", "alice", "/judges/"),
        ("judge", "A judge", "alice", thing["judge"]),
        ("presets", "Presets", "alice", "/presets/"),
        ("preset", "A preset", "alice", thing["preset"]),
        ("connections", "Connections", "alice", "/connections/"),
        ("connection", "A new connection", "alice", "/connections/new/"),
        ("catalogue", "What a connection offers", "alice", f"{thing['connection']}models/"),
        ("compact", "The Compact host", "alice", "/compact/"),
    ]


def _team(scene: Scene) -> list[tuple[str, str, str, str]]:
    return [
        ("team", "Team", "alice", "/team/"),
        ("team-settings", "Settings of a team", "alice", "/team/settings/"),
        ("audit", "Audit trail", "alice", "/team/audit/"),
        ("sign-on", "Single sign-on", "alice", "/team/sign-on/"),
        ("new-team", "A new team", "alice", "/teams/new/"),
        ("links", "Share links", "alice", "/links/"),
        ("person", "You", "alice", "/you/"),
        ("password", "Password", "alice", "/accounts/password/change/"),
        ("tokens", "API tokens", "alice", "/tokens/"),
        ("sessions", "Sessions", "alice", "/sessions/"),
        ("factors", "Signing in", "dave", "/accounts/factors/"),
        ("api", "The API", "alice", "/api/v1/docs"),
    ]


def _prepared() -> list[Shown]:
    return [
        Shown("compose-written", "Compose, with a text and a picture", "bob", "/", _write),
        Shown("pool-picker", "Looking for a model", "alice", "/pools/new/", _pick),
        Shown("pools-menu", "What one can do with a pool", "alice", "/pools/", _open_menu),
    ]


def _empty() -> list[tuple[str, str, str, str]]:
    return [
        ("compose-empty", "Compose, at the first visit", "charlie", "/"),
        ("runs-empty", "Runs, before the first", "charlie", "/runs/"),
        ("insights-empty", "Insights, before the first vote", "charlie", "/insights/"),
        ("pools-empty", "Pools, as a new team has them", "charlie", "/pools/"),
        ("connections-empty", "Connections, as a new team has them", "charlie", "/connections/"),
        ("links-empty", "Share links, before the first", "charlie", "/links/"),
        ("tokens-empty", "API tokens, before the first", "charlie", "/tokens/"),
        ("team-empty", "Team of one", "charlie", "/team/"),
    ]
