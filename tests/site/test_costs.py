"""What a stopped call cost is learned by the server itself, also by one that was started after the stop."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.site.conftest import Api
from tests.upstream import Script, Upstream

MEMBERS = ("ada", "bea", "cyd")
WITHIN_S = 30.0


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
