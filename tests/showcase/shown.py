"""Which pages are shown in docs/pages.md, under which names, and what there is to see on each."""

from __future__ import annotations

from dataclasses import dataclass

from tests.showcase.scene import Scene


@dataclass(frozen=True)
class Shown:
    """One page: the name of its pictures, what it is, who looks at it, and where."""

    name: str
    title: str
    who: str
    path: str


def pages_of(scene: Scene) -> list[Shown]:
    """Give the pages in the order in which a person meets them."""
    return [
        Shown(*each) for each in [*_way_in(scene), *_runs(scene), *_things(scene), *_team(scene), *_empty()]
    ]


def _way_in(scene: Scene) -> list[tuple[str, str, str, str]]:
    return [
        ("sign-up", "Sign up", "nobody", "/accounts/signup/"),
        ("sign-in", "Sign in", "nobody", "/accounts/login/"),
        ("join", "An invitation into a team", "nobody", scene.links["invitation"]),
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


def _things(scene: Scene) -> list[tuple[str, str, str, str]]:
    thing = {name: f"/{name}s/{each}/" for name, each in scene.things.items()}
    return [
        ("pools", "Pools", "alice", "/pools/"),
        ("pool", "A pool", "alice", thing["pool"]),
        ("pool-history", "What a pool was before", "alice", f"{thing['pool']}history/"),
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
        ("links", "Share links", "alice", "/links/"),
        ("tokens", "API tokens", "alice", "/tokens/"),
        ("sessions", "Sessions", "alice", "/sessions/"),
        ("factors", "Signing in", "dave", "/accounts/factors/"),
        ("api", "The API", "alice", "/api/v1/docs"),
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
