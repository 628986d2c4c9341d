"""SIGTERM: nothing new is begun, what was begun is parked, viewers do not hold the process up, and the next start goes on."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.site.conftest import Api
from tests.site.visitor import Visitor
from tests.site_process import Site
from tests.stopwatch import Stopwatch
from tests.upstream import Script, Upstream

# Long enough for all that is asked meanwhile, also of a machine that stands still for a while.
DRAIN_S = 6.0


def eventually(is_so: Callable[[], bool], within: float = 30) -> None:
    """Ask again and again until it is so."""
    until = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < until, "it did not come to that"


def refused(call: Callable[[], Any]) -> tuple[int, str, str | None]:
    """Give status, kind and `Retry-After` of what a call is answered with."""
    with pytest.raises(HTTPError) as error:
        call()
    with error.value as answer:
        return answer.code, json.load(answer)["error"]["kind"], answer.headers["Retry-After"]


def is_cut(page: ClientConnection) -> bool:
    """Whether a page's socket ends without the word that access has ended."""
    with suppress(ConnectionClosed):
        while True:
            page.recv(timeout=30)
    return page.close_code != 4404


def test_a_server_that_is_told_to_end_takes_nothing_new_and_ends(
    tmp_path: Path, installed: tuple[Path, str], upstream: Upstream
) -> None:
    gate = threading.Event()
    upstream.scripts["ada"] = Script(["ada ", "answers."], gate=gate, gate_at=1)
    shutil.copytree(installed[0], tmp_path / "var")
    own = {"FUSION_PRIVATE_UPSTREAMS": upstream.host_port, "FUSION_DRAIN_S": str(DRAIN_S)}
    with Site(tmp_path / "var", **own) as site, ThreadPoolExecutor(4) as threads:
        visitor = Visitor(site, "viewer@example.com")
        api = Api(site, visitor.sign_up().make_token())
        order = {"preset": api.preset(upstream, "best_of", ("ada",)), "prompt": "Why?"}
        run_id = api("POST", "runs", order)["id"]
        upstream.wait_for("ada", sent=1)
        stream = api.open("GET", f"runs/{run_id}/events")
        half = socket.create_connection(("127.0.0.1", site.port))
        half.sendall(b"POST /api/v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        with visitor.socket(run_id) as page:
            page.recv(timeout=30)
            ended = threads.submit(site.stop, within=18)
            probe = httpx.Client(base_url=site.url, timeout=30, trust_env=False)
            eventually(lambda: probe.get("/readyz").status_code == 503)
            assert probe.get("/readyz").json()["problems"] == ["The process is about to end."]
            assert probe.get("/livez").status_code == 200
            assert refused(lambda: api("POST", "runs", order)) == (503, "overloaded", "5")
            with pytest.raises(httpx.HTTPStatusError, match="503"):
                visitor.post("/", prompt="kept words", preset=_preset_id(api))
            # What goes on is readable to the end, and its upstream was let go.
            assert api("GET", f"runs/{run_id}")["state"] == "answering"
            assert upstream.wait_for("ada").was_dropped.wait(30)
            assert ended.result() in {0, -signal.SIGTERM}
            assert is_cut(page)
        with stream, suppress(http.client.IncompleteRead):
            assert b"run.finished" not in stream.read()
        half.close()
        assert "did not end in order" not in site.output
        gate.set()
        site.start()
        kinds = [event["kind"] for event in api.events(run_id)]
        assert kinds.count("run.finished") == 1
        assert [run["id"] for run in api("GET", "runs")["items"]] == [run_id]
        probe.close()
        visitor.close()


def _preset_id(api: Api) -> str:
    found: str = next(preset["id"] for preset in api("GET", "presets")["items"] if preset["name"] == "Preset")
    return found


def test_a_server_that_does_not_drain_still_ends_at_once_with_viewers(api: Api, upstream: Upstream) -> None:
    gate = threading.Event()
    upstream.scripts["ada"] = Script(["ada ", "answers."], gate=gate, gate_at=1)
    slug = api.preset(upstream, "best_of", ("ada",))
    run_id = api("POST", "runs", {"preset": slug, "prompt": "Why?"})["id"]
    streams = [api.open("GET", f"runs/{run_id}/events") for _ in range(10)]
    with Stopwatch(api.site.pid) as watch:
        api.site.stop()
    assert watch.seconds < 5
    gate.set()
    for stream in streams:
        stream.close()
