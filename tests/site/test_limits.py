"""Limits hold on a real server when a hundred ask at the same moment."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from tests.site.conftest import Api
from tests.site.crowd import at_once, statuses
from tests.site.visitor import PASSWORD, Visitor
from tests.site_process import Site
from tests.upstream import Script, Upstream, judge_for

MEMBERS = ("ada", "bea")
AT_ONCE = 100
CALLS = 20
GUESS = {"login": "guessed@example.com", "password": "a wrong password"}
RIGHT = {"login": "guessed@example.com", "password": PASSWORD}
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Give an upstream for all of these tests."""
    server = Upstream()
    server.scripts["judge"] = judge_for("bea")
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, installed: tuple[Path, str], upstream: Upstream
) -> Iterator[Site]:
    """Give a site where a person may have ten runs going on, and a team fifteen."""
    folder = tmp_path_factory.mktemp("limits") / "var"
    shutil.copytree(installed[0], folder)
    limits = {"FUSION_CALLS_PER_MINUTE": "1000", "FUSION_RUNS_PER_PERSON": "10", "FUSION_RUNS_PER_TEAM": "15"}
    with Site(folder, FUSION_PRIVATE_UPSTREAMS=upstream.host_port, **limits) as running:
        yield running


@pytest.fixture
def api(site: Site) -> Iterator[Api]:
    """Give a program of somebody new, in a team of their own."""
    visitor = Visitor(site, f"person{next(_NUMBERS)}@example.com").sign_up()
    yield Api(site, visitor.make_token())
    visitor.close()


@pytest.fixture
def gate(upstream: Upstream) -> Iterator[threading.Event]:
    """Let every member begin to write, and go on only when the gate is opened."""
    opened = threading.Event()
    upstream.ledger.clear()
    for name in MEMBERS:
        upstream.scripts[name] = Script([f"{name} ", "answers."], gate=opened, gate_at=1)
    yield opened
    opened.set()


def test_of_a_hundred_posts_against_a_budget_for_one_exactly_one_runs(
    api: Api, upstream: Upstream, gate: threading.Event
) -> None:
    slug = api.preset(upstream, "best_of", MEMBERS, budget_usd="1.50")
    team = api("PATCH", "team", {"budget_usd": "2"})
    assert (team["budget_usd"], team["spent_usd"], team["reserved_usd"]) == ("2", "0", "0")
    answers = at_once([api.site], api.token, "POST", "runs", {"preset": slug, "prompt": "Which?"})
    assert statuses(answers) == {201: 1, 429: AT_ONCE - 1}
    refused = {json.dumps(answer.body) for answer in answers if answer.status == 429}
    assert len(refused) == 1
    error = json.loads(refused.pop())["error"]
    assert error["kind"] == "billing"
    assert "$1.50" in error["message"]
    assert "$2.00" in error["message"]
    assert {a.headers.get("Retry-After") for a in answers if a.status == 429} == {"5"}
    assert api("GET", "team")["reserved_usd"] == "1.5"
    gate.set()
    run_id = next(answer.body["id"] for answer in answers if answer.status == 201)
    assert [event["kind"] for event in api.events(run_id)][-1] == "run.finished"
    assert len(api("GET", "runs")["items"]) == 1
    assert [len(upstream.asked(name)) for name in MEMBERS] == [1, 1]


def test_no_more_runs_than_a_person_or_a_team_may_have(
    api: Api, upstream: Upstream, gate: threading.Event
) -> None:
    site, team = api.site, api("GET", "me")["team"]["slug"]
    second = Api(site, site.manage("createtoken", "b@example.com", "--create", "--team", team).strip())
    order = {"preset": api.preset(upstream, "best_of", MEMBERS), "prompt": "Which?"}
    answers = at_once([site], api.token, "POST", "runs", order, times=30)
    assert statuses(answers) == {201: 10, 429: 20}
    assert {a.body["error"]["kind"] for a in answers if a.status == 429} == {"rate_limit"}
    assert statuses(at_once([site], second.token, "POST", "runs", order, times=30)) == {201: 5, 429: 25}
    gate.set()
    for run in api("GET", "runs")["items"]:
        list(api.events(run["id"]))
    assert [len(upstream.asked(name)) for name in MEMBERS] == [15, 15]


def test_one_idempotency_key_sent_twenty_times_at_once_makes_one_run(
    api: Api, upstream: Upstream, gate: threading.Event
) -> None:
    gate.set()
    order = {"preset": api.preset(upstream, "best_of", MEMBERS), "prompt": "Which?"}
    answers = at_once([api.site], api.token, "POST", "runs", order, times=20, **{"Idempotency-Key": "once"})
    assert statuses(answers) == {201: 20}
    assert len({json.dumps(answer.body) for answer in answers}) == 1
    assert len(api("GET", "runs")["items"]) == 1
    list(api.events(answers[0].body["id"]))
    assert [len(upstream.asked(name)) for name in MEMBERS] == [1, 1]


def test_a_token_makes_as_many_calls_a_minute_as_it_may(tmp_path: Path, installed: tuple[Path, str]) -> None:
    shutil.copytree(installed[0], tmp_path / "var")
    with Site(tmp_path / "var", FUSION_CALLS_PER_MINUTE=str(CALLS)) as site:
        began = time.monotonic()
        answers = at_once([site], installed[1], "GET", "me", times=2 * CALLS)
    # A call becomes free again every third second, so that a slow machine sees a few more pass.
    passed = statuses(answers)[200]
    assert CALLS <= passed <= CALLS + CALLS / 60 * (time.monotonic() - began)
    assert statuses(answers) == {200: passed, 429: 2 * CALLS - passed}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status == 429)


def test_passwords_are_guessed_no_faster_by_many_at_once(site: Site) -> None:
    visitor = Visitor(site, "guessed@example.com").sign_up()
    guessers = [Visitor(site, visitor.email) for _ in range(20)]
    with ThreadPoolExecutor(len(guessers)) as threads:
        pages = list(threads.map(lambda guesser: guesser.send("/accounts/login/", **GUESS), guessers))
    assert sum("not correct" in page.text for page in pages) == 5
    assert sum(page.status_code == 429 for page in pages) == len(pages) - 5
    # From then on the right one is not even looked at.
    assert guessers[0].send("/accounts/login/", **RIGHT).status_code == 429
    for each in (visitor, *guessers):
        each.close()
