"""Where a running site sends what it holds: a key to its own origin alone, and nothing to addresses that nobody listed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.serving import Quiet, serving
from tests.site.conftest import Api
from tests.site_process import Site, free_port
from tests.upstream import Upstream

KEY = "a-key-for-one-place-only-0123456789"


class Witness:
    """A server that only notes who came, with which key; it may send everybody on to another address."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str]] = []
        self.sends_to = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host_port = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host_port}/v1"

    @contextmanager
    def running(self) -> Iterator[Witness]:
        """Serve for the time of a test."""
        with serving(self._server):
            yield self

    def _handler(witness) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(Quiet):
            def do_GET(self) -> None:
                witness.came.append((self.path, self.headers.get("Authorization", "")))
                self.send_response(307 if witness.sends_to else 404)
                if witness.sends_to:
                    self.send_header("Location", f"{witness.sends_to}{self.path.removeprefix('/v1')}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                self.do_GET()

        return Handler


@pytest.fixture
def other() -> Iterator[Witness]:
    """Give a second server, which the operator has listed, too."""
    with Witness().running() as server:
        yield server


@pytest.fixture
def unlisted() -> Iterator[Witness]:
    """Give a server on this machine that nobody has listed."""
    with Witness().running() as server:
        yield server


@pytest.fixture
def api(tmp_path: Path, upstream: Upstream, other: Witness, installed: tuple[Path, str]) -> Iterator[Api]:
    """Give a program's way to a site that may reach two servers."""
    shutil.copytree(installed[0], tmp_path / "var")
    listed = f"{upstream.host_port},{other.host_port}"
    with Site(tmp_path / "var", FUSION_PRIVATE_UPSTREAMS=listed, FUSION_REHEARSAL="0") as site:
        yield Api(site, installed[1])


def connection(api: Api, url: str, name: str = "Up") -> str:
    """Make a connection with a key; gives its id."""
    made = api("POST", "connections", {"name": name, "kind": "openai", "base_url": url, "api_key": KEY})
    return str(made["id"])


def taken(api: Api, url: str, name: str) -> str | None:
    """Give the id of a connection to this address; None where the address is refused when it is saved."""
    try:
        return connection(api, url, name)
    except HTTPError as refused:
        with refused:
            if refused.code != 422:
                raise
        return None


def refusal(api: Api, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Give what the site says beside the fields of what it does not take."""
    with pytest.raises(HTTPError) as refused:
        api(method, path, body)
    with refused.value as error:
        assert error.code == 422
        found: dict[str, Any] = json.loads(error.read())["error"]["fields"]
        return found


def test_a_key_never_follows_its_connection_to_another_origin(
    api: Api, upstream: Upstream, other: Witness
) -> None:
    made = connection(api, upstream.url)
    assert api("POST", f"connections/{made}/check")["ok"]
    changed = api("PATCH", f"connections/{made}", {"base_url": other.url})
    assert (changed["key_hint"], changed["state"]) == (None, "needs_key")
    assert not api("POST", f"connections/{made}/check")["ok"]
    back = api("PATCH", f"connections/{made}", {"base_url": upstream.url})
    assert back["key_hint"] is None, "it is gone, and does not come back with the address"
    assert [key for _, key in other.came if key] == []


def test_a_row_that_was_changed_behind_the_sites_back_sends_its_key_nowhere(
    api: Api, upstream: Upstream, other: Witness
) -> None:
    """What binds the key stands inside of what is sealed, not in the form that refuses another address."""
    made = connection(api, upstream.url)
    with sqlite3.connect(api.site.data_dir / "fusion.sqlite3", timeout=20) as database:
        database.execute("UPDATE pools_connection SET base_url = ? WHERE id = ?", (other.url, made))
    database.close()
    found = api("POST", f"connections/{made}/check")
    assert "type it again" in found["error"]["message"]
    assert other.came == []


def test_no_spelling_of_a_private_address_is_taken(api: Api, unlisted: Witness) -> None:
    port = unlisted.host_port.rpartition(":")[2]
    hosts = (
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "127.0.0.1.",
        "user@127.0.0.1",
        "public.example@127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
    )
    for number, (scheme, host) in enumerate(product(("http", "https"), hosts)):
        url = f"{scheme}://{host}:{port}/v1"
        if (made := taken(api, url, f"Up {number}")) is not None:
            assert not api("POST", f"connections/{made}/check")["ok"], url
    assert unlisted.came == []


def test_a_redirect_of_a_listed_server_is_not_followed(
    api: Api, other: Witness, unlisted: Witness, upstream: Upstream
) -> None:
    """Neither to a server that nobody has listed nor to one that is."""
    made = connection(api, other.url)
    where = {"connection": made, "model": "ada"}
    pool = api("POST", "pools", {"name": "Pool", "members": [where]})["id"]
    judge = api("POST", "judges", {"name": "Judge", **where})["id"]
    preset = api("POST", "presets", {"name": "Preset", "pool": pool, "judge": judge, "mode": "best_of"})
    for target in (unlisted.url, upstream.url):
        other.sends_to = target
        assert not api("POST", f"connections/{made}/check")["ok"]
        run = api("POST", "runs", {"preset": preset["slug"], "prompt": "Why?"})["id"]
        assert list(api.events(run))[-1]["state"] == "failed"
    assert len(other.came) >= 4
    assert unlisted.came == []
    assert upstream.ledger == []


def test_what_is_not_reached_is_told_alike_whether_something_listens_or_not(
    api: Api, unlisted: Witness
) -> None:
    """So that nobody finds out what runs on the site's own network."""
    given = {"name": "x", "kind": "openai"}
    told = [
        json.dumps(refusal(api, "POST", "connections", {**given, "base_url": f"http://{at}/v1"})).replace(
            at, "HERE"
        )
        for at in (unlisted.host_port, f"127.0.0.1:{free_port()}")
    ]
    assert told[0] == told[1]
    assert unlisted.came == []
