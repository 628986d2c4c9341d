"""Everything that a real site prints, over success, failure, a defect and bad requests: whole, in JSON, without secrets."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.site.conftest import Api
from tests.site.test_metrics import until
from tests.site_process import Site
from tests.upstream import Script, Upstream

KEY = "sk-or-v1-keycanary0123456789"
PROMPT = "promptcanary is this safe?"
ANSWER = "answercanary yes."
PASSWORD = "passwordcanary-12345"
METRICS = "metricscanary-0123"
CANARIES = ("canary", KEY[-10:], PASSWORD[-5:])


@pytest.fixture
def site(tmp_path: Path, upstream: Upstream, installed: tuple[Path, str]) -> Iterator[Site]:
    """Give a site that logs as much as it can."""
    shutil.copytree(installed[0], tmp_path / "var")
    env = {
        "FUSION_PRIVATE_UPSTREAMS": upstream.host_port,
        "FUSION_LOG_FORMAT": "json",
        "FUSION_LOG_LEVEL": "debug",
        "FUSION_ACCESS_LOG": "1",
        "FUSION_METRICS_TOKEN": METRICS,
    }
    with Site(tmp_path / "var", **env) as running:
        yield running


def lines(site: Site) -> list[dict[str, Any]]:
    """Give the lines of the log; besides them there is only what a person at a terminal is told."""
    # The last may be being written just now.
    printed = site.output.rpartition("\n")[0].splitlines()
    others = [line for line in printed if not line.startswith("{")]
    assert all(line.startswith("Fusion is served on") for line in others), others
    return [json.loads(line) for line in printed if line.startswith("{")]


def said(site: Site, message: str, **facts: Any) -> dict[str, Any]:
    """Wait for a line, and give it; `facts` are some of those that it has to carry."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        told = [line for line in lines(site) if line["message"] == message]
        found[:] = [line for line in told if facts.items() <= line.items()]
        return bool(found)

    until(is_there)
    return found[-1]


@pytest.fixture
def browser(site: Site) -> Iterator[httpx.Client]:
    """Give a browser that nobody has signed in with yet."""
    with httpx.Client(base_url=site.url, follow_redirects=True, timeout=20) as client:
        yield client


def sign_up(site: Site, browser: httpx.Client) -> Api:
    """Sign a person up as a browser does; gives their way in for programs."""
    page = browser.get("/accounts/signup/").text
    form = {"email": "ann@example.com", "password1": PASSWORD, "csrfmiddlewaretoken": token_in(page)}
    assert browser.post("/accounts/signup/", data=form).url.path == "/"
    return Api(site, site.manage("createtoken", "ann@example.com").strip())


def token_in(page: str) -> str:
    """Give the form's CSRF token."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    return found[1]


def preset(api: Api, upstream: Upstream) -> str:
    """Make a preset of one good member and one whose server repeats the key and the prompt."""
    echo = {"error": {"message": f"Bad key {KEY} for {PROMPT}"}}
    upstream.scripts |= {"ada": Script([ANSWER]), "bea": Script(status=401, body=echo)}
    given = {"name": "Up", "kind": "openai", "base_url": upstream.url, "api_key": KEY}
    where = {"connection": api("POST", "connections", given)["id"]}
    pool = api("POST", "pools", {"name": "Pool", "members": [{**where, "model": m} for m in ("ada", "bea")]})
    judge = api("POST", "judges", {"name": "Judge", **where, "model": "judge", "swap_check": False})
    wanted = {"name": "Preset", "pool": pool["id"], "judge": judge["id"], "mode": "best_of"}
    slug: str = api("POST", "presets", wanted)["slug"]
    return slug


def start(api: Api, slug: str) -> str:
    """Start a run."""
    run_id: str = api("POST", "runs", {"preset": slug, "prompt": PROMPT})["id"]
    return run_id


def ask_wrongly(site: Site, browser: httpx.Client) -> None:
    """Send what no page and no proper program sends, each with a canary somewhere."""
    form = {"login": "ann@example.com", "password": f"{PASSWORD}x"}
    assert httpx.post(f"{site.url}/accounts/login/", data=form, timeout=30).status_code == 403
    assert browser.get("/no/such/linkcanary").status_code == 404
    assert browser.get("/accounts/password/reset/key/1-keycanary/").status_code == 200
    assert browser.get("/runs/idcanary/?token=querycanary").status_code == 404
    wrong = {"Authorization": "Bearer fus_tokencanary123456"}
    assert httpx.get(f"{site.url}/api/v1/runs", headers=wrong, timeout=30).status_code == 401
    other = {"Authorization": "Bearer othercanary"}
    assert httpx.get(f"{site.url}/metrics", headers=other, timeout=30).status_code == 404
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    connection.request("GET", "/", headers={"Host": "stranger.example", "Cookie": "sid=cookiecanary"})
    assert connection.getresponse().status == 400
    connection.close()


def break_down(site: Site, api: Api, slug: str) -> None:
    """Have rows refused as a broken database does, in words that quote them."""
    words = f"row refused\nDETAIL:  Failing row contains ({PROMPT}, {ANSWER})"
    with sqlite3.connect(site.data_dir / "fusion.sqlite3", timeout=20) as database:
        for table in ("runs_fusion", "pools_judge"):
            database.execute(
                f"CREATE TRIGGER no_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )
    database.close()
    other = {"name": "Other", "connection": api("GET", "judges")["items"][0]["connection"], "model": "judge"}
    with pytest.raises(HTTPError, match="500") as refused:
        api("POST", "judges", other)
    refused.value.close()
    said(site, "an API call failed: POST /api/v1/judges")
    run_id = start(api, slug)
    assert "row refused" in said(site, "a run could not be written", run=run_id)["failure"]
    said(site, "a run could not be worked on", run=run_id)


def break_a_page(site: Site, browser: httpx.Client, run_id: str) -> None:
    """Have a WebSocket fail inside the site."""
    with sqlite3.connect(site.data_dir / "fusion.sqlite3", timeout=20) as database:
        database.execute("ALTER TABLE runs_answer RENAME TO gone")
    database.close()
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    url = f"{site.url.replace('http', 'ws')}/ws/runs/{run_id}/"
    with (
        connect(url, additional_headers={"Cookie": cookies, "Origin": site.url}) as socket,
        pytest.raises(ConnectionClosed),
    ):
        socket.recv(timeout=20)
    assert "OperationalError" in said(site, "a websocket connection failed inside the site")["failure"]


def test_the_whole_output_is_told_in_json_and_holds_no_secret(
    site: Site, browser: httpx.Client, upstream: Upstream
) -> None:
    said(site, "the site has started")
    api = sign_up(site, browser)
    slug = preset(api, upstream)
    run_id = start(api, slug)
    list(api.events(run_id))
    over = said(site, "a run is over", run=run_id)
    facts = {"state": "done", "mode": "best_of", "source": "single", "cost_complete": False, "level": "info"}
    assert facts.items() <= over.items()
    assert over["seconds"] > 0
    failed = said(site, "an upstream failed", run=run_id, ask="answer 0.1")
    assert {"kind": "openai", "error": "auth", "status": 401, "level": "warning"}.items() <= failed.items()
    page = browser.get(f"/runs/{run_id}/")
    asked = said(site, "a request was answered", run=run_id, route="runs/<str:run_id>/", status=200)
    assert page.headers["X-Request-ID"] == asked["request"]
    assert asked["user"]
    ask_wrongly(site, browser)
    said(site, "a request was answered", route="(no such address)", status=404)
    break_down(site, api, slug)
    break_a_page(site, browser, run_id)
    site.stop()
    said(site, "the site stops")
    for canary in (*CANARIES, api.token, *(value for value in browser.cookies.values())):
        assert canary not in site.output
    assert "row refused" in site.output


def test_a_run_that_was_parked_is_heard_of_again(
    site: Site, upstream: Upstream, installed: tuple[Path, str]
) -> None:
    api = Api(site, installed[1])
    slug = preset(api, upstream)
    gate = threading.Event()
    upstream.scripts["ada"] = Script(["yes ", "and no."], gate=gate, gate_at=1)
    run_id = start(api, slug)
    upstream.wait_for("ada", sent=1)
    site.stop()
    said(site, "a run is parked", run=run_id, claim=1)
    gate.set()
    site.start()
    said(site, "a run goes on from its rows", run=run_id, claim=2, state="answering")
    said(site, "a run is over", run=run_id, state="done")
