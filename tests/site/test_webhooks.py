"""Ends of runs that are told across kills of the whole site: at least once, and always under the same id."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.receiver import Receiver
from tests.site.conftest import Api
from tests.site_process import DATABASE, Site
from tests.upstream import Script, Upstream

MEMBERS = ("ada", "bea")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that answers nothing until its gate is opened."""
    found = Receiver()
    found.gate = threading.Event()
    yield found
    found.close()


def test_an_end_outlasts_a_kill_before_and_while_it_is_told(
    tmp_path: Path, upstream: Upstream, installed: tuple[Path, str], receiver: Receiver
) -> None:
    data_dir, token = installed
    shutil.copytree(data_dir, tmp_path / "var")
    listed = f"{upstream.host_port},{receiver.host_port}"
    with Site(tmp_path / "var", FUSION_PRIVATE_UPSTREAMS=listed) as site:
        api = Api(site, token)
        hook = api("POST", "webhooks", {"name": "In", "url": receiver.url})["id"]
        for name in MEMBERS:
            upstream.scripts[name] = Script([f"I am {name}."])
        slug = api.preset(upstream, "best_of", MEMBERS)
        run = api("POST", "runs", {"preset": slug, "prompt": "Who is best?"})["id"]
        assert list(api.events(run))[-1]["kind"] == "run.finished"
        site.kill()
        pass_time(site)
        site.start()
        first = receiver.wait_for(1)
        site.kill()
        pass_time(site)
        assert receiver.gate is not None
        receiver.gate.set()
        site.start()
        told = settled(api, hook)
        assert (told["state"], told["run"]) == ("delivered", run)
        assert len(receiver.got) > 1
        assert {got.headers["webhook-id"] for got in receiver.got} == {told["id"]}
        assert {got.body for got in receiver.got} == {first.body}
        assert json.loads(first.body)["data"]["id"] == run


def settled(api: Api, hook: str) -> Any:
    """Wait until something has come of the one delivery, and give it."""
    until = time.monotonic() + 20
    while True:
        (told,) = api("GET", f"webhooks/{hook}/deliveries")["items"]
        if told["state"] != "waiting":
            return told
        assert time.monotonic() < until, told
        time.sleep(0.05)


def pass_time(site: Site) -> None:
    """Let the time pass after which what was being sent is sent again."""
    with closing(sqlite3.connect(site.data_dir / DATABASE)) as database, database:
        done = database.execute(
            "UPDATE hooks_delivery SET due_at = datetime('now', '-1 second') WHERE due_at IS NOT NULL"
        )
        assert done.rowcount == 1
