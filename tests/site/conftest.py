"""A real site process with a token and a preset over a scripted upstream, used as a program uses it."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.site_process import Site
from tests.upstream import Upstream, judge_for


def frames_in(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Give the events of an event stream; comments are passed over."""
    frame: dict[str, str] = {}
    for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            frame[name] = value
        elif "id" in frame:
            yield {"seq": int(frame["id"]), "kind": frame["event"], **json.loads(frame["data"])}
            frame = {}


@dataclass
class Api:
    """Calls the site with one token, over real HTTP."""

    site: Site
    token: str

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send one request and give the JSON of the answer; raises on an error status."""
        with self.open(method, path, body) as response:
            text = response.read()
        return json.loads(text) if text else None

    def open(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """Send one request and give the open response."""
        request = urllib.request.Request(
            f"{self.site.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers},
        )
        return urllib.request.urlopen(request, timeout=30)

    def events(self, run_id: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """Give the run's events as they come, until the site closes the stream."""
        headers = {"Last-Event-ID": str(after)}
        with self.open("GET", f"runs/{run_id}/events", None, **headers) as response:
            yield from frames_in(response)

    def preset(self, upstream: Upstream, mode: str, members: tuple[str, ...], **more: Any) -> str:
        """Make a connection, a pool, a judge and a preset over the upstream; gives the preset's slug."""
        made = self("POST", "connections", {"name": "Up", "kind": "openai", "base_url": upstream.url})
        where = {"connection": made["id"]}
        pool = self("POST", "pools", {"name": "Pool", "members": [{**where, "model": m} for m in members]})
        judge = self("POST", "judges", {"name": "Judge", **where, "model": "judge", "swap_check": False})
        wanted = {"name": "Preset", "pool": pool["id"], "judge": judge["id"], "mode": mode, **more}
        slug: str = self("POST", "presets", wanted)["slug"]
        return slug


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Give a scripted upstream with a judge that picks bea's answer."""
    server = Upstream()
    server.scripts["judge"] = judge_for("bea")
    yield server
    server.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Install a site once: its data folder, to be copied, and a token."""
    site = Site(tmp_path_factory.mktemp("installed") / "var")
    site.install()
    return site.data_dir, site.manage("createtoken", "ops@example.com", "--create").strip()


@pytest.fixture
def api(tmp_path: Path, upstream: Upstream, installed: tuple[Path, str]) -> Iterator[Api]:
    """Give a program's way to a site that has just been installed."""
    data_dir, token = installed
    shutil.copytree(data_dir, tmp_path / "var")
    with Site(tmp_path / "var", FUSION_PRIVATE_UPSTREAMS=upstream.host_port) as site:
        yield Api(site, token)
