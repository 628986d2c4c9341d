"""What the site measures of itself, in a registry of its own; each room counts where the thing happens.

No label comes from a person or a model: all values are from lists that this site keeps.
"""

from __future__ import annotations

import platform
import tomllib
from pathlib import Path

import django
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from fusion_site.engine.asking import Outcome

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"

# The moment at which each series began would double the page and is asked for by nobody.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_ANSWER_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600)
_WRITE_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

RUNS_FINISHED = Counter(
    "fusion_runs_finished",
    "Runs that this process brought to their end.",
    ["state", "mode", "source"],
    registry=REGISTRY,
)
RUN_SECONDS = Histogram(
    "fusion_run_seconds",
    "From a run's acceptance to its end.",
    ["mode"],
    buckets=_ANSWER_S,
    registry=REGISTRY,
)
EXECUTIONS = Gauge("fusion_executions", "Runs that this process works on now.", registry=REGISTRY)
TAKEOVERS = Counter(
    "fusion_lease_takeovers",
    "Runs that another process took away from this one, because it did not renew its lease in time.",
    registry=REGISTRY,
)

ANSWER_FIRST_TOKEN = Histogram(
    "fusion_answer_first_token_seconds",
    "From the request to a member's first token.",
    ["outcome"],
    buckets=_ANSWER_S,
    registry=REGISTRY,
)
ANSWER_SECONDS = Histogram(
    "fusion_answer_seconds",
    "From the request to the end of a member's answer.",
    ["outcome"],
    buckets=_ANSWER_S,
    registry=REGISTRY,
)

ASKS_OPEN = Gauge(
    "fusion_upstream_asks_open", "Models being asked now, queueing included.", registry=REGISTRY
)
ASKS = Counter(
    "fusion_upstream_asks",
    "Asks of members and judges that have ended; what was dropped from this side is cancelled.",
    ["outcome"],
    registry=REGISTRY,
)
UPSTREAM_ERRORS = Counter(
    "fusion_upstream_errors",
    "Asks that failed, by kind of connection and of error.",
    ["connection", "error"],
    registry=REGISTRY,
)
UPSTREAM_RETRIES = Counter(
    "fusion_upstream_retries",
    "Requests that failed before any content and were sent again.",
    ["connection", "error"],
    registry=REGISTRY,
)

JOURNAL_FLUSH = Histogram(
    "fusion_journal_flush_seconds",
    "One write of all that the runs here had to report.",
    buckets=_WRITE_S,
    registry=REGISTRY,
)
JOURNAL_BATCH = Histogram(
    "fusion_journal_batch_events",
    "Events in one write.",
    buckets=(0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
    registry=REGISTRY,
)
JOURNAL_WAITING = Gauge(
    "fusion_journal_waiting_runs", "Runs with something that is not in rows yet.", registry=REGISTRY
)

LISTENERS = Gauge(
    "fusion_listeners",
    "Open pages of runs (page) and event streams of programs (api).",
    ["door"],
    registry=REGISTRY,
)
LAGGED = Counter(
    "fusion_listeners_lagged",
    "Times that a page lagged, lost its frames and got the whole state instead.",
    registry=REGISTRY,
)
LOOP_LAG = Histogram(
    "fusion_event_loop_lag_seconds",
    "How much later than asked for the event loop wakes, looked at twice a second.",
    buckets=_WRITE_S,
    registry=REGISTRY,
)

for _outcome in Outcome:  # so that a rate is known from its first increase on
    for _metric in (ANSWER_FIRST_TOKEN, ANSWER_SECONDS, ASKS):
        _metric.labels(_outcome.value)
for _door in ("page", "api"):
    LISTENERS.labels(_door)

Info("fusion_build", "What is running.", registry=REGISTRY).info(
    {
        "version": tomllib.loads(PROJECT.read_text())["project"]["version"],
        "python": platform.python_version(),
        "django": django.__version__,
    }
)


def answer_ended(outcome: Outcome, first_token_ms: int | None, total_ms: int | None) -> None:
    """Count one answer's times, as far as they are known; in milliseconds."""
    if first_token_ms is not None:
        ANSWER_FIRST_TOKEN.labels(outcome.value).observe(first_token_ms / 1000)
    if total_ms is not None:
        ANSWER_SECONDS.labels(outcome.value).observe(total_ms / 1000)
