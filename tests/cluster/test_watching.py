"""What a worker shows on its metrics port, and that both sizes of the site tell the same of their rows."""

from __future__ import annotations

import threading
import urllib.request

from tests.cluster.conftest import Cluster
from tests.cluster.test_many_machines import begun, finished
from tests.site.test_metrics import Figures, figures, one


def shown(url: str) -> Figures:
    """Give the figures on a worker's port."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as response:
        return figures(response.read().decode())


def test_each_worker_counts_what_it_does_and_all_tell_the_same_of_the_rows(cluster: Cluster) -> None:
    done = {"state": "done", "mode": "best_of", "source": "best_of"}
    gate = threading.Event()
    slug, names = cluster.preset()
    run_id = begun(cluster, names, slug, gate)
    busy = cluster.worker_of(run_id)
    idle = next(worker for worker in cluster.workers if worker is not busy)
    # The run of another test is put away a moment after its rows say that it is over.
    cluster.until(lambda: [one(shown(w.url), "fusion_executions") for w in (busy, idle)] == [1, 0])
    before = shown(busy.url)
    assert [one(shown(w.url), "fusion_runs", state="answering") for w in (busy, idle)] == [1, 1]
    with urllib.request.urlopen(f"{busy.url}/livez", timeout=20) as response:
        assert response.status == 200
    gate.set()
    finished(cluster, run_id)
    cluster.until(lambda: one(shown(busy.url), "fusion_executions") == 0)
    after = shown(busy.url)
    assert (
        one(after, "fusion_runs_finished_total", **done)
        == one(before, "fusion_runs_finished_total", **done) + 1
    )
    assert one(after, "fusion_runs_waiting") == 0
