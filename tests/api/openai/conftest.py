"""A real site with presets over a scripted upstream, called by the official Python client over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.site_process import Site
from tests.upstream import Answering, Script, Upstream, judge_for

MEMBERS = ("ada", "bea", "cyd")
WITHIN_S = 30
ASKED = "What is best?"


@dataclass
class Shop:
    """A site, its upstream, and whoever calls it."""

    site: Site
    upstream: Upstream
    token: str
    made: set[str] = field(default_factory=set)

    @cached_property
    def client(self) -> openai.OpenAI:
        """Give the official client, which asks once only: a test has to see what was answered first."""
        return openai.OpenAI(
            base_url=f"{self.site.url}/v1", api_key=self.token, max_retries=0, timeout=WITHIN_S
        )

    def rest(self, method: str, path: str, body: object = None) -> Any:
        """Call `/api/v1` and give the JSON of the answer."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.site.url}/api/v1/{path}"
        answer = httpx.request(method, url, json=body, headers=headers, timeout=WITHIN_S)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Call `/v1` without any client's help."""
        headers["Authorization"] = f"Bearer {self.token}"
        return httpx.post(f"{self.site.url}/v1/{path}", json=body, headers=headers, timeout=WITHIN_S)

    def hear(self, body: object) -> AbstractContextManager[httpx.Response]:
        """Ask for a streamed completion, of which what comes is read as it comes."""
        url, headers = f"{self.site.url}/v1/chat/completions", {"Authorization": f"Bearer {self.token}"}
        return httpx.stream("POST", url, json=body, headers=headers, timeout=WITHIN_S)

    def run(self, run_id: str) -> Any:
        """Give a run as REST tells it."""
        return self.rest("GET", f"runs/{run_id}")

    def say(self, **scripts: Answering) -> None:
        """Have the members answer so; the others by their names. The judge picks bea, and merges in three pieces."""
        self.upstream.ledger.clear()
        for name in MEMBERS:
            self.upstream.scripts[name] = Script([f"{name} says ", "this much."], usage=counted(10, 4))
        self.upstream.scripts |= {"judge": judge_for("bea"), **scripts}

    def preset(self, slug: str, **more: Any) -> None:
        """Make a preset of that slug, unless it is there: over the three members."""
        if slug in self.made:
            return
        self.made.add(slug)
        things = self.rest("GET", "pools")["items"], self.rest("GET", "judges")["items"]
        pool, judge = (next(t["id"] for t in found if t["name"] == "Three") for found in things)
        self.rest(
            "POST", "presets", {"name": slug, "slug": slug, "pool": pool, "judge": judge, "quorum": 3, **more}
        )


def counted(prompt: int, completion: int) -> dict[str, int]:
    """Give a usage as servers tell it."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def frames(response: httpx.Response) -> list[Any]:
    """Give what an event stream said: the data of events, decoded, `[DONE]` as it is, and comments with their colon."""
    found: list[Any] = []
    for line in response.text.split("\n"):
        if line.startswith(":") or line == "data: [DONE]":
            found.append(line.removeprefix("data: "))
        elif line.startswith("data: "):
            found.append(json.loads(line.removeprefix("data: ")))
    return found


@pytest.fixture(scope="package")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give a site that serves all tests of this folder."""
    upstream = Upstream()
    folder: Path = tmp_path_factory.mktemp("openai") / "var"
    site = Site(folder, FUSION_PRIVATE_UPSTREAMS=upstream.host_port, FUSION_CALLS_PER_MINUTE="6000")
    site.install()
    token = site.manage("createtoken", "bob@example.com", "--create").strip()
    with site:
        shop = Shop(site, upstream, token)
        up = shop.rest(
            "POST", "connections", {"name": "Up", "kind": "openai", "base_url": upstream.url, "parallel": 64}
        )
        where = {"connection": up["id"]}
        members = [{**where, "model": name, "label": name.title()} for name in MEMBERS]
        shop.rest("POST", "pools", {"name": "Three", "members": members})
        shop.rest("POST", "judges", {"name": "Three", **where, "model": "judge", "swap_check": False})
        shop.preset("best", mode="best_of")
        yield shop
        shop.client.close()
    upstream.close()


@pytest.fixture
def shop(opened: Shop) -> Shop:
    """Give the site, with everybody answering."""
    opened.say()
    return opened


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Give a gate, which is open at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()
