"""Limits hold on a real server when a hundred ask at the same moment."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.site.conftest import Api
from tests.site.crowd import at_once, statuses
from tests.site.visitor import PASSWORD, Visitor
from tests.site_process import Site
from tests.upstream import Script, Upstream

MEMBERS = ("ada", "bea")
AT_ONCE = 100
GUESS = {"login": "guessed@example.com", "password": "a wrong password"}
RIGHT = {"login": "guessed@example.com", "password": PASSWORD}


@pytest.fixture
def gate(upstream: Upstream) -> Iterator[threading.Event]:
    """Let every member begin to write, and go on only when the gate is opened."""
    opened = threading.Event()
    for name in MEMBERS:
        upstream.scripts[name] = Script([f"{name} ", "answers."], gate=opened, gate_at=1)
    yield opened
    opened.set()


def site_with(tmp_path: Path, installed: tuple[Path, str], upstream: Upstream, **env: str) -> Site:
    """Settle a site with limits of its own."""
    shutil.copytree(installed[0], tmp_path / "var")
    return Site(tmp_path / "var", FUSION_PRIVATE_UPSTREAMS=upstream.host_port, **env)


def test_of_a_hundred_posts_against_a_budget_for_one_exactly_one_runs(
    tmp_path: Path, installed: tuple[Path, str], upstream: Upstream, gate: threading.Event
) -> None:
    with site_with(tmp_path, installed, upstream, FUSION_CALLS_PER_MINUTE="1000") as site:
        api = Api(site, installed[1])
        slug = api.preset(upstream, "best_of", MEMBERS, budget_usd="1.50")
        team = api("PATCH", "team", {"budget_usd": "2"})
        assert (team["budget_usd"], team["spent_usd"], team["reserved_usd"]) == ("2", "0", "0")
        answers = at_once([site], api.token, "POST", "runs", {"preset": slug, "prompt": "Which?"})
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
    tmp_path: Path, installed: tuple[Path, str], upstream: Upstream, gate: threading.Event
) -> None:
    limits = {"FUSION_CALLS_PER_MINUTE": "1000", "FUSION_RUNS_PER_PERSON": "10", "FUSION_RUNS_PER_TEAM": "15"}
    with site_with(tmp_path, installed, upstream, **limits) as site:
        first = Api(site, site.manage("createtoken", "a@example.com", "--create", "--team", "lab").strip())
        second = Api(site, site.manage("createtoken", "b@example.com", "--create", "--team", "lab").strip())
        order = {"preset": first.preset(upstream, "best_of", MEMBERS), "prompt": "Which?"}
        answers = at_once([site], first.token, "POST", "runs", order)
        assert statuses(answers) == {201: 10, 429: AT_ONCE - 10}
        assert {a.body["error"]["kind"] for a in answers if a.status == 429} == {"rate_limit"}
        assert statuses(at_once([site], second.token, "POST", "runs", order)) == {201: 5, 429: AT_ONCE - 5}
        gate.set()
        for run in first("GET", "runs")["items"]:
            list(first.events(run["id"]))
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


def test_a_token_makes_as_many_calls_a_minute_as_it_may(api: Api) -> None:
    began = time.monotonic()
    answers = at_once([api.site], api.token, "GET", "me", times=200)
    # A call becomes free again every half second, so that a slow machine sees a few more pass.
    passed = statuses(answers)[200]
    assert 120 <= passed <= 120 + 2 * (time.monotonic() - began)
    assert statuses(answers) == {200: passed, 429: 200 - passed}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status == 429)


def test_passwords_are_guessed_no_faster_by_many_at_once(api: Api) -> None:
    visitor = Visitor(api.site, "guessed@example.com").sign_up()
    guessers = [Visitor(api.site, visitor.email) for _ in range(20)]
    with ThreadPoolExecutor(len(guessers)) as threads:
        pages = list(threads.map(lambda guesser: guesser.post("/accounts/login/", **GUESS).text, guessers))
    assert sum("not correct" in page for page in pages) == 5
    assert sum("Too many failed login attempts" in page for page in pages) == len(pages) - 5
    # From then on the right one is not even looked at.
    assert "Too many failed login attempts" in guessers[0].post("/accounts/login/", **RIGHT).text
    for each in (visitor, *guessers):
        each.close()
