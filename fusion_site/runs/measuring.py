"""What is measured of runs: figures read from rows whenever somebody asks for the metrics, and the end of each run."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fusion_site.compact.status import STATES
from fusion_site.ops.log_facts import carrying
from fusion_site.ops.metrics import REGISTRY, RUN_SECONDS, RUNS_FINISHED
from fusion_site.ops.querying import query_patiently
from fusion_site.pools import compact_host
from fusion_site.runs.claiming import claimable
from fusion_site.runs.models import FINAL_STATES, Fusion, Run, State

log = logging.getLogger(__name__)


class RunRows(Collector):
    """The runs that are not over, from an index that holds only those. Every process of a site tells the same."""

    def collect(self) -> Iterator[Metric]:
        """Give the figures; where the database cannot be asked, only that."""
        close_old_connections()
        try:
            yield from [*_by_state(), *_waiting()]
        except (DatabaseError, InterfaceError):
            log.exception("the database could not be asked for the metrics")
            yield _gauge("fusion_database_up", "Whether the database could be asked.", 0)
        else:
            yield _gauge("fusion_database_up", "Whether the database could be asked.", 1)
        finally:
            close_old_connections()


class CompactRow(Collector):
    """How this machine's Compact host is."""

    def collect(self) -> Iterator[Metric]:
        """Give 1 for the state that it is in."""
        state = compact_host.status().state
        family = GaugeMetricFamily(
            "fusion_compact_host", "How this machine's Compact host is.", labels=["state"]
        )
        for each in STATES:
            family.add_metric([each], each == state)
        yield family


def measure_rows() -> None:
    """Have the registry ask rows at each scrape; once per process."""
    REGISTRY.register(RunRows())
    REGISTRY.register(CompactRow())


def _by_state() -> Iterator[Metric]:
    unfinished = Run.every.filter(is_open=True).order_by()
    counts = dict(unfinished.values_list("state").annotate(Count("pk")))
    family = GaugeMetricFamily(
        "fusion_runs", "Runs that are not over; `again` are those in a later pass.", labels=["state"]
    )
    for state in State:
        if state not in FINAL_STATES:
            family.add_metric([state.value], counts.get(state.value, 0))
    family.add_metric(["again"], sum(counts.get(state.value, 0) for state in FINAL_STATES))
    yield family


def _waiting() -> Iterator[Metric]:
    waiting = claimable().order_by().aggregate(count=Count("pk"), oldest=Min("opened_at"))
    age = (timezone.now() - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0.0
    yield _gauge("fusion_runs_waiting", "Runs that nobody works on.", waiting["count"])
    yield _gauge(
        "fusion_runs_waiting_oldest_seconds",
        "Since the oldest of them was accepted, or opened again.",
        max(age, 0.0),
    )


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=value)


async def note_end(run_id: str, reopened: str = "") -> None:
    """Count and log that this process brought a run to its end, as its rows tell it; of a later pass only log it."""
    run, source = await query_patiently(_end_of, run_id)
    if run.finished_at is None:
        return
    seconds = (run.finished_at - run.opened_at).total_seconds()
    if not reopened:
        RUNS_FINISHED.labels(run.state, run.mode, source).inc()
        RUN_SECONDS.labels(run.mode).observe(seconds)
    told = carrying(
        state=run.state,
        mode=run.mode,
        source=source,
        seconds=round(seconds, 3),
        cost_usd=None if run.cost_usd is None else f"{run.cost_usd.normalize():f}",
        cost_complete=run.cost_complete,
    )
    log.info("a later pass of a run is over" if reopened else "a run is over", extra=told)


def _end_of(run_id: str) -> tuple[Run, str]:
    wanted = ("state", "mode", "cost_usd", "cost_complete", "opened_at", "finished_at")
    sources = Fusion.objects.filter(run=run_id, finished=True).order_by("-version")
    return Run.every.only(*wanted).get(pk=run_id), sources.values_list("source", flat=True).first() or "none"
