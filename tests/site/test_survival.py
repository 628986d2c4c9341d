"""A run survives its server: stopped and started again, it goes on, nothing is paid for twice, and costs are learned.

What becomes of one that is killed, `tests/crash` asks at every stage of a run.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compact.gguf_model import write_tiny_gguf
from tests.site.conftest import Api
from tests.site_process import Site
from tests.stopwatch import Stopwatch
from tests.upstream import Script, Upstream, judge_for, task_of

MEMBERS = ("ada", "bea", "cyd")
WITHIN_S = 30.0


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, installed: tuple[Path, str]
) -> Iterator[tuple[Api, Upstream]]:
    """Give a site and its upstream, which outlive each test."""
    data_dir, token = installed
    own = tmp_path_factory.mktemp("survival") / "var"
    shutil.copytree(data_dir, own)
    server = Upstream()
    with Site(own, FUSION_PRIVATE_UPSTREAMS=server.host_port) as site:
        yield Api(site, token), server
    server.close()


@pytest.fixture
def upstream(shared: tuple[Api, Upstream]) -> Upstream:
    """Give the upstream, on which every member answers well, and nobody has been asked yet."""
    _, server = shared
    server.scripts |= {name: Script([f"{name} answers ", "well."]) for name in MEMBERS}
    server.scripts["judge"] = judge_for("bea")
    server.ledger.clear()
    return server


@pytest.fixture
def api(shared: tuple[Api, Upstream]) -> Api:
    """Give a program's way to the site, which serves again after a test that failed halfway."""
    api, _ = shared
    if not api.site.is_running:
        api.site.start()
    return api


def start(api: Api, slug: str) -> str:
    """Start a run and give its id."""
    run_id: str = api("POST", "runs", {"preset": slug, "prompt": "What is best?"})["id"]
    return run_id


def until(api: Api, run_id: str, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """Read events until one of this kind has come `count` times."""
    seen = []
    for event in api.events(run_id):
        seen.append(event)
        if [e["kind"] for e in seen].count(kind) == count:
            return seen
    raise AssertionError(f"the run ended before {count} × {kind}")


def check(api: Api, run_id: str) -> dict[str, Any]:
    """Check what is promised of every finished run, and give it."""
    events = list(api.events(run_id))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["kind"] for event in events].count("run.finished") == 1
    run: dict[str, Any] = api("GET", f"runs/{run_id}")
    for answer in run["answers"]:
        told = ""
        for event in events:
            if event.get("answer") == answer["id"] and event["kind"] == "answer.started":
                told = ""
            elif event.get("answer") == answer["id"] and event["kind"] == "answer.delta":
                assert event["offset"] == len(told)
                told += event["text"]
        assert told == answer["text"]
    return run


def test_finished_answers_are_kept_and_the_rest_asked_again(api: Api, upstream: Upstream) -> None:
    gate = threading.Event()
    upstream.scripts["cyd"] = Script(["cyd begins ", "and ends."], gate=gate, gate_at=1)
    run_id = start(api, api.preset(upstream, "merge", MEMBERS, quorum=3))
    until(api, run_id, "answer.finished", 2)
    upstream.wait_for("cyd", sent=1)
    api.site.stop()
    gate.set()
    api.site.start()
    assert until(api, run_id, "run.finished")
    run = check(api, run_id)
    assert (run["state"], run["fused"]["source"]) == ("done", "merge")
    assert [len(upstream.asked(name)) for name in MEMBERS] == [1, 1, 2]
    assert [answer["attempt"] for answer in run["answers"]] == [1, 1, 2]


def test_a_judge_that_was_cut_off_is_asked_again_and_no_member_is(api: Api, upstream: Upstream) -> None:
    gate, compares = threading.Event(), threading.Event()
    judge = upstream.scripts["judge"]
    assert callable(judge)

    def slow(body: dict[str, Any]) -> Script:
        script = judge(body)
        if task_of(body) == "judge":
            script.gate = gate
            compares.set()
        return script

    upstream.scripts["judge"] = slow
    run_id = start(api, api.preset(upstream, "best_of", MEMBERS, quorum=3))
    assert compares.wait(20)
    api.site.stop()
    gate.set()
    api.site.start()
    until(api, run_id, "run.finished")
    run = check(api, run_id)
    assert (run["state"], run["fused"]["text"]) == ("done", "bea answers well.")
    assert [len(upstream.asked(name)) for name in MEMBERS] == [1, 1, 1]
    assert [task_of(asked.body) for asked in upstream.asked("judge")].count("judge") == 2


def test_stop_closes_the_upstream_sockets_within_a_second(api: Api, upstream: Upstream) -> None:
    never = threading.Event()
    upstream.scripts |= {name: Script(["begun ", "never"], gate=never, gate_at=1) for name in MEMBERS}
    run_id = start(api, api.preset(upstream, "merge", MEMBERS))
    for name in MEMBERS:
        upstream.wait_for(name, sent=1)
    api("POST", f"runs/{run_id}/cancel")
    with Stopwatch(api.site.pid) as watch:
        dropped = [upstream.wait_for(name).was_dropped.wait(WITHIN_S) for name in MEMBERS]
    never.set()
    assert dropped == [True] * 3
    assert watch.seconds < 1
    until(api, run_id, "run.finished")
    run = check(api, run_id)
    assert run["state"] == "cancelled"
    assert [(a["outcome"], a["text"]) for a in run["answers"]] == [("cancelled", "begun ")] * 3


def test_a_compact_member_is_waited_for_after_a_restart(
    tmp_path: Path, upstream: Upstream, installed: tuple[Path, str]
) -> None:
    data_dir, token = installed
    shutil.copytree(data_dir, tmp_path / "var")
    model = write_tiny_gguf(tmp_path / "tiny.gguf", name="tiny", script="The Compact model answers.")
    upstream.scripts["ada"] = Script(["ada ", "answers."], gate=threading.Event(), gate_at=1)
    own = {"FUSION_COMPACT_MODEL": str(model), "FUSION_PRIVATE_UPSTREAMS": upstream.host_port}
    with Site(tmp_path / "var", **own) as site:
        api = Api(site, token)
        slug = api.preset(upstream, "best_of", ("ada",))
        compact = next(c for c in api("GET", "connections")["items"] if c["kind"] == "compact")
        pool = next(p for p in api("GET", "pools")["items"] if p["name"] == "Pool")
        members = [*pool["members"], {"connection": compact["id"], "model": "tiny"}]
        api("PATCH", f"pools/{pool['id']}", {"members": members})
        run_id = start(api, slug)
        upstream.wait_for("ada", sent=1)
        site.kill()
        upstream.scripts["ada"] = Script(["ada ", "answers."])
        site.start()
        until(api, run_id, "run.finished")
        answers = check(api, run_id)["answers"]
    assert [a["outcome"] for a in answers] == ["complete", "complete"]
    assert answers[1]["text"] == "The Compact model answers."


def test_a_run_in_the_terminal(api: Api, upstream: Upstream) -> None:
    slug = api.preset(upstream, "best_of", MEMBERS)
    shown = api.site.manage("fuse", "--preset", slug, "--as", "ops@example.com", "What is best?")
    assert shown.strip() == "bea answers well."
    assert "Traceback" not in api.site.output
    api.site.stop()
    shown = api.site.manage("fuse", "--preset", slug, "--as", "ops@example.com", "And without a server?")
    assert shown.strip() == "bea answers well."
    with pytest.raises(RuntimeError, match="no preset nothing"):
        api.site.manage("fuse", "--preset", "nothing", "--as", "ops@example.com", "x")


def openrouter(name: str, gate: threading.Event) -> Script:
    """Give a model that hangs after its first words, as OpenRouter streams them."""
    script = Script(["begun ", "never"], gate=gate, gate_at=1, headers={"X-Generation-Id": f"gen-{name}"})
    script.origin = {"id": f"gen-{name}", "provider": "Groq", "model": name}
    return script


def until_known(api: Api, run_id: str) -> dict[str, Any]:
    """Read the run until its cost is known."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        run: dict[str, Any] = api("GET", f"runs/{run_id}")
        if run["cost_complete"]:
            return run
        time.sleep(0.2)
    raise AssertionError(f"the cost is not known after {WITHIN_S} s: {run}")


def test_the_cost_of_a_stopped_run_is_learned_after_a_restart(api: Api, upstream: Upstream) -> None:
    gate = threading.Event()
    upstream.scripts |= {name: openrouter(name, gate) for name in MEMBERS}
    given = {"name": "Router", "kind": "openrouter", "base_url": upstream.url, "api_key": "sk-or-v1-12345"}
    where = {"connection": api("POST", "connections", given)["id"]}
    pool = api("POST", "pools", {"name": "Pool", "members": [{**where, "model": name} for name in MEMBERS]})
    judge = api("POST", "judges", {"name": "Judge", **where, "model": "judge"})
    wanted = {"name": "Preset", "pool": pool["id"], "judge": judge["id"], "mode": "best_of"}
    slug = api("POST", "presets", wanted)["slug"]
    run_id = api("POST", "runs", {"preset": slug, "prompt": "What is best?"})["id"]
    begun = 0
    for event in api.events(run_id):
        begun += event["kind"] == "answer.delta"
        if begun == len(MEMBERS):
            break
    api("POST", f"runs/{run_id}/cancel")
    before = list(api.events(run_id))[-1]
    assert (before["kind"], before["cost_usd"], before["cost_complete"]) == ("run.finished", None, False)
    api.site.stop()
    upstream.bills |= {f"gen-{name}": {"total_cost": 0.25} for name in MEMBERS}
    api.site.start()
    run = until_known(api, run_id)
    assert (run["cost_usd"], [a["cost_usd"] for a in run["answers"]]) == ("0.75", ["0.25"] * 3)
    assert [a["billed_after_cancel"] for a in run["answers"]] == [True] * 3
    assert {event["kind"] for event in api.events(run_id, before["seq"])} == {"run.updated"}
    gate.set()
