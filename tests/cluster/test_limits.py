"""What is bounded is bounded over all web processes together, and what is revoked through one ends at the others."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.cluster.conftest import Cluster
from tests.site.conftest import Api
from tests.site.crowd import at_once, statuses
from tests.site.visitor import Visitor
from tests.stopwatch import Stopwatch
from tests.upstream import Script

PROMPT = "Which is best?"


def newcomer(cluster: Cluster, name: str) -> Api:
    """Give the program of somebody new, in a team of their own, at the first web process."""
    site = cluster.webs[0]
    return Api(site, site.manage("createtoken", f"{name}@example.com", "--create").strip())


def preset(cluster: Cluster, api: Api, name: str, **more: str) -> tuple[str, threading.Event]:
    """Make a preset of one model that waits for a gate in the middle of its answer."""
    gate = threading.Event()
    cluster.upstream.scripts[name] = Script([f"{name} begins ", "and ends."], gate=gate, gate_at=1)
    return api.preset(cluster.upstream, "best_of", (name,), **more), gate


def test_a_budget_for_one_starts_one_over_all_processes(cluster: Cluster) -> None:
    api = newcomer(cluster, "budget")
    slug, gate = preset(cluster, api, "dear", budget_usd="1.50")
    api("PATCH", "team", {"budget_usd": "2"})
    order = {"preset": slug, "prompt": PROMPT}
    answers = at_once(cluster.webs, api.token, "POST", "runs", order, times=40)
    # A machine that is slow to serve so many at once tells some to come again: none of them was begun.
    assert statuses(answers) | {429: 0, 503: 0} == {201: 1, 429: 0, 503: 0}
    kinds = {429: "billing", 503: "overloaded"}
    assert all(
        answer.body["error"]["kind"] == kinds[answer.status] for answer in answers if "error" in answer.body
    )
    gate.set()
    run_id = next(answer.body["id"] for answer in answers if answer.status == 201)
    cluster.until(lambda: cluster.run_of(run_id)["finished_at"])
    assert len(cluster.upstream.asked("dear")) == 1
    assert len(api("GET", "runs")["items"]) == 1


def test_one_key_at_two_processes_at_once_makes_one_run(cluster: Cluster) -> None:
    api = newcomer(cluster, "once")
    slug, gate = preset(cluster, api, "single")
    gate.set()
    order = {"preset": slug, "prompt": PROMPT}
    answers = at_once(cluster.webs, api.token, "POST", "runs", order, times=20, **{"Idempotency-Key": "one"})
    assert statuses(answers) == {201: 20}, json.dumps([answer.body for answer in answers])
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(api("GET", "runs")["items"]) == 1


def test_failed_sign_ins_are_counted_together(cluster: Cluster) -> None:
    visitor = Visitor(cluster.webs[0], "guessed@example.com").sign_up()
    guessers = [Visitor(site, visitor.email) for site in cluster.webs for _ in range(6)]

    form = {"login": visitor.email, "password": "a wrong password"}
    with ThreadPoolExecutor(len(guessers)) as threads:
        pages = list(threads.map(lambda guesser: guesser.send("/accounts/login/", **form), guessers))
    assert sum("not correct" in page.text for page in pages) == 5
    late = [page for page in pages if page.status_code == 429]
    assert len(late) == len(pages) - 5
    assert all(0 < int(page.headers["Retry-After"]) <= 300 for page in late)
    for each in (visitor, *guessers):
        each.close()


def test_a_token_revoked_at_one_process_ends_a_stream_at_another(cluster: Cluster) -> None:
    api = newcomer(cluster, "gone")
    slug, gate = preset(cluster, api, "watched")
    run_id = api("POST", "runs", {"preset": slug, "prompt": PROMPT})["id"]
    elsewhere = Api(cluster.webs[1], api.token)
    with elsewhere.open("GET", f"runs/{run_id}/events") as stream, ThreadPoolExecutor(1) as threads:
        rest = threads.submit(stream.read)
        cluster.until(lambda: cluster.redis.listeners(run_id) == 1)
        cluster.rows("DELETE FROM accounts_apitoken WHERE hint = %s", f"fus_…{api.token[-4:]}")
        with Stopwatch(*(each.pid for each in cluster.processes)) as watch:
            assert b"run.finished" not in rest.result(timeout=30)
        assert watch.seconds < 2.5
    gate.set()
