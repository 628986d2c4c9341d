"""What the list of runs takes at a million runs, in parts of what it takes at a thousand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import pytest
from django.db import connection, transaction
from django.test import Client

from fusion_site.accounts.models import Team, User
from fusion_site.pools.paging import closed_cursor
from fusion_site.runs.models import Run
from tests.cluster.conftest import postgresql
from tests.cluster.servers import PostgreSQL
from tests.runs.many_runs import many_runs
from tests.site_process import ROOT

__all__ = ["postgresql"]
FEW, MANY = 1_000, int(os.environ.get("FUSION_BENCH_RUNS") or 1_000_000)
PAGE_1000 = 30_000
TRIES = 5
SLOW_MS = 500.0


def looks(count: int) -> dict[str, str]:
    """Give the addresses that are measured; page 1000 of few runs is their last one."""
    skipped = min(PAGE_1000, count - 31)
    last = Run.objects.order_by("-created_at", "-id")[skipped]
    return {
        "page 1": "",
        "page 1000": f"?cursor={closed_cursor([last.created_at, last.pk])}",
        "failed": "?state=failed",
        "rare word": "?q=rare",
        "common word": "?q=common",
        "phrase": '?q="the+service"',
        "beginning": "?q=rar*",
        "common, failed": "?q=common&state=failed",
        "cost over": "?cost_over=0.5",
    }


def measured(client: Client, count: int) -> dict[str, float]:
    """Give milliseconds for each of the looks: the median of some."""
    found = {}
    for name, query in looks(count).items():
        times = []
        for _ in range(TRIES):
            began = perf_counter()
            assert client.get(f"/runs/{query}").status_code == 200
            times.append((perf_counter() - began) * 1000)
        found[name] = median(times)
    return found


@pytest.mark.django_db
def test_lists_of_a_million_runs(
    team: Team, alice: User, client_for: Callable[[User | None], Client]
) -> None:
    client = client_for(alice)
    client.get("/runs/")
    with transaction.atomic():
        many_runs(team, alice, FEW)
        few = measured(client, FEW)
        transaction.set_rollback(True)
    many_runs(team, alice, MANY)
    many = measured(client, MANY)
    print(f"\n{connection.vendor}, {MANY:,} runs against {FEW:,}, milliseconds of the whole page:")
    for name, took in many.items():
        print(f"  {name:16} {took:8.1f}  {few[name]:8.1f}  {took / few[name]:6.2f} x")
    # Of few runs hardly any is failed or rare, so that there are no pages of those to compare with.
    assert all(many[name] < 2 * few[name] for name in ("page 1", "page 1000", "common word"))
    assert max(many.values()) < SLOW_MS


@pytest.mark.skipif(connection.vendor == "postgresql", reason="this is what it starts")
def test_the_same_on_postgresql(postgresql: PostgreSQL) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-k", "million", __file__],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgresql.url("fusion")},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]
