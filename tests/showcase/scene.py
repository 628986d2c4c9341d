"""A site as a team of three has it after a while: things, runs in every mode, versions, votes, comments and links.

Every text that models wrote comes from the rehearsal, the same at every making; nothing outside this machine is asked.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.accounts.one_time import code_of
from tests.compact.gguf_model import write_tiny_gguf
from tests.pools.openrouter import KEY, OpenRouter
from tests.showcase.texts import CRITERIA, MEMBERS, MODELS, NAMES, PROMPTS, SAID, TAGS, TEMPLATE
from tests.site.visitor import Visitor
from tests.site_process import Site

RUNS_WITHIN_S = 90.0
TEAM = "Harbour engineering"


class Person(Visitor):
    """Somebody with a browser's cookies and with a token for the team in which they work."""

    rest: httpx.Client | None = None

    def sign_up(self) -> Person:
        """Become a person of the site, signed in."""
        super().sign_up()
        return self

    def with_token(self) -> Person:
        """Make a token for the team in which this person works now."""
        headers = {"Authorization": f"Bearer {self.make_token()}"}
        base = self.http.base_url.join("/api/v1")
        self.rest = httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False)
        return self

    def make(self, path: str, **fields: Any) -> dict[str, Any]:
        """Post to the REST API and give what came of it."""
        return self.call("POST", path, **fields)

    def close(self) -> None:
        """Let go of the connections."""
        super().close()
        if self.rest is not None:
            self.rest.close()

    def call(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        """Ask the REST API, with a body where there are fields."""
        assert self.rest is not None, "no token was made"
        answer = self.rest.request(method, f"/{path}", json=fields or None)
        assert answer.is_success, (path, answer.text)
        return dict(answer.json()) if answer.content else {}


@dataclass
class Scene:
    """The running site, its people (charlie is new, in no team but the own), the runs by name, and addresses of links."""

    site: Site
    people: dict[str, Person]
    runs: dict[str, str] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


@contextmanager
def showcase(folder: Path, **env: str) -> Iterator[Scene]:
    """Give the scene on a site of its own in `folder`; `env` is added to the site's settings."""
    model = write_tiny_gguf(folder / "compact-demo.gguf", name="Compact demo", script="Add it in two steps.")
    openrouter = OpenRouter()
    openrouter.models = MODELS
    reach = {
        "FUSION_PRIVATE_UPSTREAMS": openrouter.host_port,
        "FUSION_OPENROUTER_URL": openrouter.url,
        "FUSION_OPENROUTER_AUTH_URL": openrouter.auth_url,
        "FUSION_COMPACT_MODEL": str(model),
        "FUSION_CALLS_PER_MINUTE": "10000",
    }
    site = Site(folder / "data", **{**reach, **env})
    scene = Scene(site, {})
    try:
        site.start()
        _set(scene)
        yield scene
    finally:
        for person in scene.people.values():
            person.close()
        site.close()
        openrouter.close()


def _set(scene: Scene) -> None:
    for name in ("alice", "bob", "dave", "charlie"):
        scene.people[name] = Person(scene.site, f"{name}@example.com").sign_up()
        scene.people[name].post("/you/", name=NAMES[name])
    alice = scene.people["alice"]
    alice.post("/teams/new/", name=TEAM)
    alice.with_token()
    _join(scene)
    _things(scene)
    _runs(scene)
    _sayings(scene)
    _marks(scene)
    _two_factors(scene.people["dave"])


def _join(scene: Scene) -> None:
    invitation = scene.people["alice"].make("team/invitations", many=True, days=30)
    scene.links["invitation"] = invitation["url"]
    for name in ("bob", "dave"):
        person = scene.people[name]
        person.http.get(invitation["url"])
        person.post("/join/")
        person.with_token()


def _marks(scene: Scene) -> None:
    """Star and tag runs, and delete one."""
    alice = scene.people["alice"]
    for name, tags in TAGS.items():
        at = f"/runs/{scene.runs[name]}"
        alice.post(f"{at}/tags/", tags=tags)
        alice.post(f"{at}/star/", form="/you/")
    alice.post("/runs/delete/", form="/you/", run=scene.runs.pop("slip"), back="/runs/")


def _two_factors(person: Person) -> None:
    """Have somebody set up an authenticator app, and with it recovery codes."""
    at, origin = "/accounts/factors/totp/activate/", {"Referer": str(person.http.base_url)}
    form = person.http.get(at).text
    secret, token = (_value(form, name) for name in ("totp-secret", "csrfmiddlewaretoken"))
    code, there = "", at
    # A code whose time is over before it comes to the site is refused, and the next one is not.
    while there == at and code != code_of(secret):
        code = code_of(secret)
        fields = {"code": code, "csrfmiddlewaretoken": token}
        there = person.http.post(at, data=fields, headers=origin).raise_for_status().url.path
    assert there != at


def _value(form: str, name: str) -> str:
    found = re.search(rf'{name}" value="(\w+)"', form)
    assert found is not None, (name, form)
    return found[1]


def _things(scene: Scene) -> None:
    """Make connections, a pool, a judge and presets, with versions of each, and one pool that is deleted."""
    alice = scene.people["alice"]
    rehearsal = next(each["id"] for each in alice.call("GET", "connections")["items"] if each["rehearsal"])
    hosted = alice.make("connections", name="OpenRouter", kind="openrouter", api_key=KEY)["id"]
    alice.call("GET", f"connections/{hosted}/models")
    members = [{**member, "connection": rehearsal} for member in MEMBERS]
    pool = alice.make("pools", name="Review board", members=members[:2])["id"]
    alice.call("PATCH", f"pools/{pool}", members=members[:3])
    shaky = alice.make("pools", name="Review board, with a fourth", members=members)["id"]
    broken = alice.make("pools", name="Down today", members=[members[3], members[3]])["id"]
    priced = [{"connection": hosted, "model": model["id"]} for model in MODELS[:3]]
    hired = alice.make("pools", name="Three vendors", members=priced)["id"]
    gone = alice.make("pools", name="Last year's board", members=members[:2])["id"]
    alice.call("DELETE", f"pools/{gone}")
    judging = {"connection": rehearsal, "model": "rehearsal/judge", "criteria": CRITERIA}
    judge = alice.make("judges", name="Strict reviewer", **judging, swap_check=True)["id"]
    alice.call("PATCH", f"judges/{judge}", instructions="Prefer what can be undone.")
    ids = {"judge": judge}
    review = alice.make("presets", name="Code review", **ids, pool=pool, mode="merge", template=TEMPLATE)
    alice.call("PATCH", f"presets/{review['id']}", do_no_harm=True, quorum=3)
    alice.make("presets", name="Careful review", slug="careful", **ids, pool=shaky, mode="merge")
    alice.make("presets", name="Down today", slug="down", **ids, pool=broken, mode="best_of")
    alice.make("presets", name="Three vendors", **ids, pool=hired, mode="merge", budget_usd="0.50")
    alice.make("webhooks", name="Deploy bot", url="https://hooks.example/runs")
    scene.things = {"pool": pool, "judge": judge, "preset": review["id"], "connection": hosted}


def _runs(scene: Scene) -> None:
    """Have the three ask through every mode, follow one run up and fuse it anew, and leave one waiting for a choice."""

    def ask(name: str) -> None:
        who, order = PROMPTS[name]
        scene.runs[name] = scene.people[who].make("runs", **order)["id"]
        _wait(scene, name, lambda run: bool(run["finished_at"] or run["waits_until"]))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask, PROMPTS))
    bob, first = scene.people["bob"], scene.runs["merge"]
    bob.make(f"runs/{first}/fuse")
    _wait(scene, "merge", lambda run: len(run["fusions"]) > 1 and run["state"] == "done")
    scene.runs["follow-up"] = bob.make("runs", after=first, prompt=SAID["follow-up"])["id"]
    _wait(scene, "follow-up", lambda run: bool(run["finished_at"]))


def _wait(scene: Scene, name: str, is_there: Callable[[dict[str, Any]], bool]) -> None:
    until = time.monotonic() + RUNS_WITHIN_S
    while not is_there(run := scene.people["alice"].call("GET", f"runs/{scene.runs[name]}")):
        assert time.monotonic() < until, (name, run["state"])
        time.sleep(0.1)


def _sayings(scene: Scene) -> None:
    """Vote and comment on runs, and share three of them: open, with a vote, and behind a password."""
    for at, name in enumerate(("merge", "best-of", "debate")):
        for place, person in enumerate(("alice", "bob", "dave")):
            choices = scene.people[person].call("GET", f"runs/{scene.runs[name]}/votes")["choices"]
            choice = choices[0 if person != "dave" else (at + place) % len(choices)]
            scene.people[person].make(f"runs/{scene.runs[name]}/votes", choice=choice)
    for person, text in SAID["comments"]:
        scene.people[person].make(f"runs/{scene.runs['merge']}/comments", text=text)
    shows = ["fused", "verdict", "members", "prompt", "cost", "comments"]
    wanted: dict[str, tuple[str, dict[str, Any]]] = {
        "open": ("merge", {"show": shows}),
        "vote": ("best-of", {"show": shows[:3], "voting": True}),
        "locked": ("debate", {"show": shows[:2], "password": "correct horse"}),
    }
    for name, (run, fields) in wanted.items():
        made = scene.people["alice"].make(f"runs/{scene.runs[run]}/shares", **fields)
        scene.links[name] = made["url"]
