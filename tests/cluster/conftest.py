"""A site on many machines, but for the machines: PostgreSQL, Redis, two web processes and two workers, once for all tests."""

from __future__ import annotations

import itertools
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg.rows import dict_row

from tests.cluster.servers import PostgreSQL, Redis
from tests.history import Seen, history_of, witness
from tests.invariants import check
from tests.site.conftest import Api
from tests.site_process import Site
from tests.upstream import Script, Upstream, judge_for

T = TypeVar("T")

WITHIN_S = 40.0
MEMBERS = ("ada", "bea", "cyd")


class WorkerProcess(Site):
    """A `manage.py worker`; its address has only its metrics."""

    def start(self, *, within: float = 0) -> WorkerProcess:
        """Start working; whether it does is told by the runs."""
        self._launch("worker", "--concurrency", "20", "--metrics-port", str(self.port))
        return self

    def freeze(self) -> None:
        """Stop its process in the middle of whatever it does."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, knowing nothing of the time between."""
        os.kill(self.pid, signal.SIGCONT)


class Cluster:
    """All processes of the site, and what tests ask of them."""

    def __init__(self, folder: Path, postgresql: PostgreSQL, redis: Redis, upstream: Upstream) -> None:
        self.postgresql, self.redis, self.upstream = postgresql, redis, upstream
        env = {
            "DATABASE_URL": postgresql.url("fusion"),
            "REDIS_URL": redis.url,
            "FUSION_SECRET_KEY": secrets.token_urlsafe(48),
            "FUSION_SEALING_KEYS": Fernet.generate_key().decode(),
            "FUSION_PRIVATE_UPSTREAMS": upstream.host_port,
            "FUSION_REHEARSAL": "0",
            "FUSION_LEASE_S": "5",
            "FUSION_RUNS_PER_PERSON": "100",
            "FUSION_CALLS_PER_MINUTE": "10000",
        }
        self.webs = [Site(folder / f"web{number}", **env) for number in (1, 2)]
        self.workers = [WorkerProcess(folder / f"worker{number}", **env) for number in (1, 2)]
        upstream.witness = self._seen
        self._numbers = itertools.count()
        self._token = ""

    def start(self) -> None:
        """Migrate, make a person, and start everything."""
        first = self.webs[0]
        first.data_dir.mkdir(parents=True)
        first.manage("migrate", "--verbosity", "0")
        self._token = first.manage("createtoken", "ops@example.com", "--create").strip()
        self.mend()

    def mend(self) -> None:
        """Start again whatever a test has ended."""
        ended = [process for process in self.processes if not process.is_running]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda process: process.start(), ended))

    def forget_tries(self) -> None:
        """Let everybody sign in again: to the site all tests come from one address, and one of them guesses."""
        self.rows("DELETE FROM accounts_kept")

    def close(self) -> None:
        """End everything."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda process: process.close(), self.processes))

    @property
    def processes(self) -> list[Site]:
        """All of them, whether they run or not."""
        return [*self.workers, *self.webs]

    def api(self, web: int = 0) -> Api:
        """Give a program's way to one of the web processes."""
        return Api(self.webs[web], self._token)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Give what the database answers."""
        with psycopg.connect(
            self.postgresql.url("fusion"), row_factory=dict_row, autocommit=True
        ) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def preset(self, mode: str = "best_of", **more: Any) -> tuple[str, tuple[str, ...]]:
        """Make a preset over three models that nobody else uses, the second of which wins; gives its slug and them."""
        number = next(self._numbers)
        names = tuple(f"{name}-{number}" for name in MEMBERS)
        pairs = zip(names, MEMBERS, strict=True)
        self.upstream.scripts |= {name: Script([f"{who} answers ", "well."]) for name, who in pairs}
        made = self.api().preset(self.upstream, mode, names, quorum=3, **more)
        return made, names

    def start_run(self, slug: str, web: int = 0) -> str:
        """Start a run with a prompt of its own, and give its id."""
        order = {"preset": slug, "prompt": f"Question {secrets.token_hex(8)}?"}
        run_id: str = self.api(web)("POST", "runs", order)["id"]
        return run_id

    def check(self, run_id: str, web: int = 0) -> dict[str, Any]:
        """Check all that is promised of a run that has ended, and give it as a program reads it."""
        view, stream = self.api(web)("GET", f"runs/{run_id}"), list(self.api(web).events(run_id))
        check(history_of(self.rows, run_id, self.upstream.ledger, view=view, stream=stream))
        return dict(view)

    def _seen(self) -> Seen | None:
        """Give what is in rows when a request comes to the upstream; nobody knows while the database is away."""
        with suppress(psycopg.OperationalError):
            return witness(self.rows)()
        return None

    def run_of(self, run_id: str) -> dict[str, Any]:
        """Give a run's row."""
        return self.rows("SELECT * FROM runs_run WHERE id = %s", run_id)[0]

    def worker_of(self, run_id: str) -> WorkerProcess:
        """Give the worker that works on a run, once one does."""
        owner = self.until(lambda: self.run_of(run_id)["lease_owner"])
        pid = int(owner.split(":")[1])
        return next(worker for worker in self.workers if worker.is_running and worker.pid == pid)

    def until(self, found: Callable[[], T], *, within_s: float = WITHIN_S) -> T:
        """Wait until something true is found, and give it; the database may be away meanwhile."""
        until = time.monotonic() + within_s
        while True:
            try:
                if value := found():
                    return value
            except psycopg.OperationalError:
                pass
            assert time.monotonic() < until, f"not within {within_s} s\n{self.output}"
            time.sleep(0.05)

    @property
    def output(self) -> str:
        """The last that each process printed."""
        return "\n".join(f"== {each.data_dir.name}\n{each.output[-2500:]}" for each in self.processes)


@pytest.fixture(scope="package")
def postgresql() -> Iterator[PostgreSQL]:
    """Give a running PostgreSQL."""
    server = PostgreSQL()
    try:
        server.start()
        server.run("createdb", "-h", str(server.folder), "-p", str(server.port), "-U", "fusion", "fusion")
        yield server
    finally:
        server.close()


@pytest.fixture(scope="package")
def redis() -> Iterator[Redis]:
    """Give a running Redis."""
    server = Redis()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="package")
def everything(
    tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQL, redis: Redis
) -> Iterator[Cluster]:
    """Give the running cluster."""
    upstream = Upstream()
    upstream.scripts["judge"] = judge_for("bea")
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), postgresql, redis, upstream)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()
        upstream.close()


@pytest.fixture
def cluster(everything: Cluster) -> Cluster:
    """Give the cluster with all its processes at work."""
    everything.mend()
    everything.forget_tries()
    return everything
