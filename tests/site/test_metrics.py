"""What Prometheus reads agrees with what happened, holds nothing that a person or a model wrote, and is for it alone."""

from __future__ import annotations

import shutil
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.site.conftest import Api
from tests.site_process import Site
from tests.upstream import Script, Upstream

TOKEN = "metrics-token-canary-7f3a"
PROMPT = "prompt-canary-51aa: what is best?"
HOSTILE = 'evil",state="done"}\\ 1 {x'
KEY = "sk-canary-0123456789abcdef"

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(url: str, token: str = TOKEN) -> str:
    """Read the page as Prometheus does."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        page: str = response.read().decode()
        return page


def figures(page: str) -> Figures:
    """Give every sample of the page by its name and labels."""
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for s in samples}


def is_refused(url: str, token: str) -> bool:
    """Whether there is nothing for this token."""
    with pytest.raises(HTTPError) as refused:
        read(url, token)
    refused.value.close()
    return refused.value.code == 404


def one(found: Figures, name: str, **labels: str) -> float:
    """Give one figure; a series that is not there is 0."""
    return found.get((name, tuple(sorted(labels.items()))), 0.0)


def until(look: Callable[[], bool]) -> None:
    """Wait for a condition."""
    done = threading.Event()
    for _ in range(400):
        if look():
            return
        done.wait(0.05)
    raise AssertionError("it never came true")


@pytest.fixture
def measured(tmp_path: Path, upstream: Upstream, installed: tuple[Path, str]) -> Iterator[Api]:
    """Give a site whose metrics can be read."""
    data_dir, token = installed
    shutil.copytree(data_dir, tmp_path / "var")
    env = {"FUSION_PRIVATE_UPSTREAMS": upstream.host_port, "FUSION_METRICS_TOKEN": TOKEN}
    with Site(tmp_path / "var", **env) as site:
        yield Api(site, token)


def refuses_all_but_the_token(url: str) -> bool:
    """Whether there is nothing for anybody who does not know the token, or nearly does."""
    return all(is_refused(url, token) for token in ("", "wrong", TOKEN[:-1], f"{TOKEN}x"))


def preset(api: Api, upstream: Upstream, *models: str) -> str:
    """Make a preset whose every name is hostile, over a connection with a key."""
    given = {"name": HOSTILE, "kind": "openai", "base_url": upstream.url, "api_key": KEY}
    where = {"connection": api("POST", "connections", given)["id"]}
    members = [{**where, "model": model, "label": f"{HOSTILE} {n}"} for n, model in enumerate(models)]
    pool = api("POST", "pools", {"name": HOSTILE, "members": members})
    judge = api("POST", "judges", {"name": HOSTILE, **where, "model": "judge", "swap_check": False})
    wanted = {"name": HOSTILE, "pool": pool["id"], "judge": judge["id"], "mode": "best_of"}
    slug: str = api("POST", "presets", wanted)["slug"]
    return slug


def busy_then(script: Script) -> Callable[[dict[str, Any]], Script]:
    """Refuse once, then answer."""
    replies = [Script(status=503, body={"error": {"message": f"busy with {PROMPT}"}})]
    return lambda body: replies.pop() if replies else script


def test_the_figures_are_those_of_the_run(measured: Api, upstream: Upstream) -> None:
    gate = threading.Event()
    upstream.scripts |= {
        "ada": busy_then(Script(["ada ", "answer-canary-9."])),
        "bea": Script(["bea ", "answers."], gate=gate, gate_at=1),
        HOSTILE: Script(status=401, body={"error": {"message": f"no such key {KEY}"}}),
    }
    url = f"{measured.site.url}/metrics"
    assert refuses_all_but_the_token(url)
    slug = preset(measured, upstream, "ada", "bea", HOSTILE)
    before = figures(read(url))
    assert one(before, "fusion_database_up") == 1
    assert one(before, "fusion_runs", state="answering") == one(before, "fusion_executions") == 0
    run_id = measured("POST", "runs", {"preset": slug, "prompt": PROMPT})["id"]
    upstream.wait_for("bea", sent=1)
    upstream.wait_for("ada", 2)
    with measured.open("GET", f"runs/{run_id}/events") as stream:
        assert stream.readline()
        during = figures(read(url))
        assert one(during, "fusion_listeners", door="api") == 1
        assert one(during, "fusion_runs", state="answering") == one(during, "fusion_executions") == 1
        assert one(during, "fusion_upstream_asks_open") >= 1
        gate.set()
        stream.read()
    until(lambda: is_over(figures(read(url))))
    page = read(url)
    check(figures(page), measured("GET", f"runs/{run_id}"), list(measured.events(run_id)), upstream)
    for canary in ("evil", "canary", KEY, TOKEN, '"judge"', upstream.host_port, run_id):
        assert canary not in page


def is_over(found: Figures) -> bool:
    """Whether nobody works on anything or listens: a stream is read to its end before the site has put it away."""
    return one(found, "fusion_executions") == one(found, "fusion_listeners", door="api") == 0


def check(found: Figures, run: dict[str, Any], events: list[dict[str, Any]], upstream: Upstream) -> None:
    """Check that the figures say of a finished run what its own page says."""
    assert (run["state"], run["fused"]["source"]) == ("done", "best_of")
    assert one(found, "fusion_runs_finished_total", state="done", mode="best_of", source="best_of") == 1
    assert one(found, "fusion_run_seconds_count", mode="best_of") == 1
    assert one(found, "fusion_runs", state="answering") == one(found, "fusion_runs_waiting") == 0
    good = [a for a in run["answers"] if a["outcome"] == "complete"]
    assert len(good) == one(found, "fusion_answer_seconds_count", outcome="complete") == 2
    for figure, field in (
        ("fusion_answer_seconds", "total_ms"),
        ("fusion_answer_first_token_seconds", "first_token_ms"),
    ):
        told = one(found, f"{figure}_sum", outcome="complete")
        assert told == pytest.approx(sum(a[field] for a in good) / 1000)
    judged = len(upstream.asked("judge"))
    assert one(found, "fusion_upstream_asks_total", outcome="complete") == 2 + judged
    assert one(found, "fusion_upstream_asks_total", outcome="error") == 1
    assert one(found, "fusion_upstream_errors_total", connection="openai", error="auth") == 1
    assert one(found, "fusion_upstream_retries_total", connection="openai", error="overloaded") == 1
    assert one(found, "fusion_upstream_asks_open") == one(found, "fusion_listeners", door="api") == 0
    # The first event is written by whoever accepts the run; all others go through the journal.
    assert one(found, "fusion_journal_batch_events_sum") == events[-1]["seq"] - 1
    assert (
        one(found, "fusion_journal_flush_seconds_count")
        == one(found, "fusion_journal_batch_events_count")
        > 0
    )
    assert one(found, "fusion_event_loop_lag_seconds_count") > 0
    assert one(found, "fusion_compact_host", state="off") == 1
    assert one(found, "process_resident_memory_bytes") > 1e6
