"""Runs outlive every part of a cluster: each is ended, frozen or restarted in the middle of a run, and nothing is lost."""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.cluster.conftest import Cluster
from tests.site.test_survival import until
from tests.site.visitor import Visitor
from tests.stopwatch import Stopwatch
from tests.upstream import Script


def asked(cluster: Cluster, names: tuple[str, ...]) -> list[int]:
    """Give how often each model was asked."""
    return [len(cluster.upstream.asked(name)) for name in names]


def begun(cluster: Cluster, names: tuple[str, ...], slug: str, gate: threading.Event) -> str:
    """Start a run whose third member holds at the gate in the middle of its answer, while the others are done."""
    cluster.upstream.scripts[names[2]] = Script(["cyd begins ", "and ends."], gate=gate, gate_at=1)
    run_id = cluster.start_run(slug)
    until(cluster.api(), run_id, "answer.finished", 2)
    cluster.upstream.wait_for(names[2], sent=1)
    return run_id


def crowd(cluster: Cluster) -> None:
    """Have every web process open many connections to the database, as a busy one has."""
    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda number: cluster.api(number % 2)("GET", "presets"), range(80)))


def finished(cluster: Cluster, run_id: str, web: int = 0) -> dict[str, Any]:
    """Wait for the end of a run, check what is promised of it, and give it as a program reads it."""
    cluster.until(lambda: cluster.run_of(run_id)["finished_at"])
    run = cluster.check(run_id, web)
    assert run["state"] == "done", cluster.output
    return run


def test_any_web_process_shows_what_any_worker_does(cluster: Cluster) -> None:
    slug, names = cluster.preset()
    gate = threading.Event()
    run_id = begun(cluster, names, slug, gate)
    with ThreadPoolExecutor() as pool:
        followers = [pool.submit(list, cluster.api(web).events(run_id)) for web in (0, 1)]
        cluster.until(lambda: cluster.redis.listeners(run_id) == 2)
        gate.set()
        streams = [follower.result(30) for follower in followers]
    assert streams[0] == streams[1]
    assert finished(cluster, run_id)["fused"]["text"] == "bea answers well."


def test_a_killed_worker_is_replaced_and_no_answer_asked_for_twice(cluster: Cluster) -> None:
    slug, names = cluster.preset()
    gate = threading.Event()
    run_id = begun(cluster, names, slug, gate)
    cluster.worker_of(run_id).kill()
    gate.set()
    run = finished(cluster, run_id, web=1)
    assert asked(cluster, names) == [1, 1, 2]
    assert [answer["attempt"] for answer in run["answers"]] == [1, 1, 2]
    assert cluster.run_of(run_id)["epoch"] == 2


def test_a_killed_web_process_stops_nothing_and_another_one_goes_on_telling(cluster: Cluster) -> None:
    slug, names = cluster.preset()
    gate = threading.Event()
    run_id = begun(cluster, names, slug, gate)
    seen = until(cluster.api(0), run_id, "answer.finished", 2)
    cluster.webs[0].kill()
    gate.set()
    seen += list(cluster.api(1).events(run_id, after=seen[-1]["seq"]))
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["kind"] == "run.finished"
    finished(cluster, run_id, web=1)
    assert (cluster.run_of(run_id)["epoch"], asked(cluster, names)) == (1, [1, 1, 1])


def test_a_worker_that_was_frozen_over_its_lease_changes_nothing_when_it_wakes(cluster: Cluster) -> None:
    slug, names = cluster.preset()
    gate = threading.Event()
    run_id = begun(cluster, names, slug, gate)
    frozen = cluster.worker_of(run_id)
    frozen.freeze()
    gate.set()
    try:
        run = finished(cluster, run_id)
        before = cluster.rows("SELECT seq, kind, data FROM runs_event WHERE run_id = %s ORDER BY seq", run_id)
    finally:
        frozen.thaw()
    # It is at work again once it has finished a run of its own; until then it may not have looked.
    cluster.until(lambda: "taken over" in frozen.output)
    after = cluster.rows("SELECT seq, kind, data FROM runs_event WHERE run_id = %s ORDER BY seq", run_id)
    assert after == before
    assert cluster.api()("GET", f"runs/{run_id}") == run
    assert asked(cluster, (*names, "judge"))[:3] == [1, 1, 2]


def test_a_worker_that_is_told_to_end_hands_its_runs_over(cluster: Cluster) -> None:
    slug, names = cluster.preset()
    gate = threading.Event()
    run_id = begun(cluster, names, slug, gate)
    first = cluster.worker_of(run_id)
    assert first.stop(within=10) == 0
    gate.set()
    finished(cluster, run_id)
    assert asked(cluster, names) == [1, 1, 2]
    assert cluster.rows("SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status = 'todo'") == [
        {"jobs": 0}
    ]


def test_answers_that_end_while_postgresql_is_away_are_kept_by_the_worker_that_has_them(
    cluster: Cluster,
) -> None:
    slug, names = cluster.preset()
    gate = threading.Event()
    run_id = begun(cluster, names, slug, gate)
    crowd(cluster)
    pids = [worker.pid for worker in cluster.workers]
    cluster.postgresql.end()
    gate.set()
    cluster.until(lambda: cluster.upstream.asked(names[2])[0].is_over.is_set())
    cluster.until(lambda: any("the journal keeps" in worker.output for worker in cluster.workers))
    cluster.postgresql.start()
    run = finished(cluster, run_id)
    assert run["fused"]["text"] == "bea answers well."
    assert (cluster.run_of(run_id)["epoch"], asked(cluster, names)) == (1, [1, 1, 1])
    assert [worker.pid for worker in cluster.workers] == pids
    # And new runs are taken at once, and worked on by whoever outlived it.
    for web in (0, 1):
        finished(cluster, cluster.start_run(slug, web), web=web)


def test_a_postgresql_that_crashes_loses_no_run(cluster: Cluster) -> None:
    slug, names = cluster.preset("merge")
    gate = threading.Event()
    run_id = begun(cluster, names, slug, gate)
    cluster.postgresql.end(signal.SIGQUIT)
    gate.set()
    cluster.postgresql.start()
    assert finished(cluster, run_id)["fused"]["text"] == "# Merged\n\nAll of it in one."
    assert (cluster.run_of(run_id)["epoch"], asked(cluster, names)) == (1, [1, 1, 1])


def test_a_redis_that_restarts_or_is_flushed_costs_no_event_and_bells_ring_again(cluster: Cluster) -> None:
    slug, names = cluster.preset()
    gate = threading.Event()
    run_id = begun(cluster, names, slug, gate)
    stream = cluster.api(1).events(run_id)
    events = [next(stream)]
    cluster.redis.client.flushall()
    cluster.redis.end()
    Visitor(cluster.webs[0], "during@example.com").sign_up().close()
    visitor = Visitor(cluster.webs[1], "during@example.com").sign_in()
    assert visitor.make_token(), "signing in needs no Redis"
    visitor.close()
    during = cluster.start_run(cluster.preset()[0])
    assert [event["kind"] for event in cluster.api().events(during)][-1] == "run.finished"
    cluster.redis.start()
    cluster.until(lambda: cluster.redis.listeners(run_id))
    gate.set()
    events += stream
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["kind"] == "run.finished"
    finished(cluster, run_id)


def test_a_stop_reaches_the_worker_from_any_web_process_within_a_second(cluster: Cluster) -> None:
    slug, names = cluster.preset()
    never = threading.Event()
    cluster.upstream.scripts |= {name: Script(["begun ", "never"], gate=never, gate_at=1) for name in names}
    run_id = cluster.start_run(slug)
    for name in names:
        cluster.upstream.wait_for(name, sent=1)
    cluster.api(1)("POST", f"runs/{run_id}/cancel")
    with Stopwatch(*(each.pid for each in cluster.processes)) as watch:
        dropped = [cluster.upstream.asked(name)[0].was_dropped.wait(30) for name in names]
    never.set()
    assert dropped == [True] * 3
    assert watch.seconds < 1.5
    cluster.until(lambda: cluster.run_of(run_id)["finished_at"])
    assert cluster.check(run_id, 1)["state"] == "cancelled"


def test_the_same_key_at_once_on_two_web_processes_gives_one_run(cluster: Cluster) -> None:
    slug, names = cluster.preset()

    def order(number: int) -> str:
        key = f"{slug}-{number // 6}"
        body = {"preset": slug, "prompt": f"Question {key}?"}
        headers = {"Idempotency-Key": key}
        with cluster.api(number % 2).open("POST", "runs", body, **headers) as response:
            assert response.status == 201
            return str(json.loads(response.read())["id"])

    with ThreadPoolExecutor(18) as pool:
        told = list(pool.map(order, range(18)))
    assert [len(set(told[i : i + 6])) for i in (0, 6, 12)] == [1, 1, 1]
    runs = cluster.rows("SELECT id FROM runs_run WHERE idempotency_key LIKE %s", f"{slug}-%")
    assert len(runs) == 3
    for run in runs:
        finished(cluster, run["id"])
    assert asked(cluster, names) == [3, 3, 3]


def test_a_run_in_the_terminal_needs_no_worker(cluster: Cluster) -> None:
    slug, _ = cluster.preset()
    shown = cluster.webs[0].manage("fuse", "--preset", slug, "--as", "ops@example.com", "What is best?")
    assert shown.strip() == "bea answers well."
