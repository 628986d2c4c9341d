"""The site, its upstream and several runs at once, to be killed or frozen at any moment, and held against the promise."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.crash.viewer import Viewer
from tests.history import History, Sighting, history_of, sqlite_rows, witness
from tests.invariants import check, check_halfway
from tests.site.conftest import Api
from tests.site_process import Site
from tests.upstream import Answering, Script, Upstream, judge_for

MEMBERS = ("ada", "bea", "cyd")
LEASE_S = 3
WITHIN_S = 40.0
LOOK_S = 0.004
TAKEN_OVER = "taken over by another process"
COUNTED = {"prompt_tokens": 9, "completion_tokens": 3, "cost": 0.25}


class Theatre:
    """One site over one upstream. `site` is the process that serves now; a frozen one is `frozen`."""

    def __init__(self, data_dir: Path, token: str, upstream: Upstream, **env: str) -> None:
        self.upstream, self._token = upstream, token
        self._env = {
            "FUSION_PRIVATE_UPSTREAMS": upstream.host_port,
            "FUSION_LEASE_S": str(LEASE_S),
            "FUSION_RUNS_PER_PERSON": "100",
            "FUSION_CALLS_PER_MINUTE": "100000",
            **env,
        }
        self.site = Site(data_dir, **self._env).start()
        self.frozen: Site | None = None
        # Of a frozen process: how many runs it works on, and how many requests had passed their last check, but not left.
        self._held = self._checked = 0
        self.rows = sqlite_rows(data_dir / "fusion.sqlite3")
        upstream.witness = self._witness = witness(self.rows)
        self._sightings: list[Sighting] = []
        self.viewers: dict[str, Viewer] = {}
        self._presets: dict[str, str] = {}

    @property
    def api(self) -> Api:
        """Give a program's way to the process that serves now."""
        return Api(self.site, self._token)

    def close(self) -> None:
        """End every process."""
        for viewer in self.viewers.values():
            viewer.leave()
        if self.frozen is not None:
            os.kill(self.frozen.pid, signal.SIGCONT)
            self.frozen.close()
        self.site.close()

    # Runs -------------------------------------------------------------------------------------------------

    def plays(self, **scripts: Answering) -> None:
        """Say what the members write in the next runs; the rest write two pieces."""
        usual = {name: Script([f"{name} answers ", "well."], usage=COUNTED) for name in MEMBERS}
        self.upstream.scripts |= {"judge": judge_for("bea"), **usual, **scripts}
        self.upstream.ledger.clear()
        self._sightings.clear()
        self.viewers.clear()

    def start(self, runs: int, mode: str = "merge", *, guided: bool = False, **settings: Any) -> list[str]:
        """Start runs, each with a prompt of its own, and a viewer of each; gives their ids."""
        asked = {"preset": self.preset(mode, **settings), "guided": guided}
        bodies = [{**asked, "prompt": f"Question {secrets.token_hex(8)}?"} for _ in range(runs)]
        return [self.watched(self.api("POST", "runs", body)["id"]) for body in bodies]

    def follow_up(self, runs: list[str], history: str) -> list[str]:
        """Follow up runs that are over, each with a prompt of its own, and a viewer of each; gives their ids."""
        bodies = [
            {"after": run_id, "history": history, "prompt": f"Question {secrets.token_hex(8)}?"}
            for run_id in runs
        ]
        return [self.watched(self.api("POST", "runs", body)["id"]) for body in bodies]

    def watched(self, run_id: str) -> str:
        """Follow a run as its viewer; gives its id."""
        self.viewers[run_id] = Viewer(lambda: self.site.url, self._token, run_id)
        return run_id

    def fuse_again(self) -> None:
        """Fuse what there is now, in all runs."""
        for run_id, viewer in self.viewers.items():
            self.api("POST", f"runs/{run_id}/fuse")
            viewer.go_on()

    def retry(self, model: str) -> None:
        """Ask a member again, in all runs."""
        for run_id, viewer in self.viewers.items():
            answers = self.api("GET", f"runs/{run_id}")["answers"]
            (answer_id,) = (a["id"] for a in answers if a["model"] == model and a["round"] == 0)
            self.api("POST", f"runs/{run_id}/answers/{answer_id}/retry")
            viewer.go_on()

    def preset(self, mode: str, **settings: Any) -> str:
        """Give the slug of a preset over all members, made once."""
        name = " ".join([mode, *(f"{key} {value}" for key, value in sorted(settings.items()))])
        if name not in self._presets:
            wanted = {"name": name, **self._who(), "mode": mode, "quorum": 3, **settings}
            self._presets[name] = self.api("POST", "presets", wanted)["slug"]
        return self._presets[name]

    def _who(self) -> dict[str, str]:
        """Give the pool and the judge of all presets, made with the first one."""
        if not self._presets:
            self._presets["first"] = self.api.preset(self.upstream, "merge", MEMBERS)
        found = {kind: self.api("GET", f"{kind}s")["items"] for kind in ("pool", "judge")}
        return {
            k: next(made["id"] for made in items if made["name"] == k.title()) for k, items in found.items()
        }

    def ordered(self, body: dict[str, Any], key: str) -> str:
        """Order a run by its key, and give its id."""
        with self.api.open("POST", "runs", body, **{"Idempotency-Key": key}) as response:
            run_id: str = json.load(response)["id"]
        return run_id

    def is_heard(self) -> bool:
        """Whether the server answers, and so has read what was sent to it before."""
        with urllib.request.urlopen(f"{self.site.url}/livez", timeout=WITHIN_S) as response:
            return bool(response.status == 200)

    def states(self) -> list[str]:
        """Give how the runs that are watched stand."""
        ids = ", ".join(f"'{run_id}'" for run_id in self.viewers)
        return [row["state"] for row in self.rows(f"SELECT state FROM runs_run WHERE id IN ({ids})")]

    def told(self, run_id: str, model: str) -> str:
        """Give the text of a member's open answer that would outlive a kill now."""
        told = self.rows(
            "SELECT e.data AS data FROM runs_event e JOIN runs_answer a ON a.run_id = e.run_id "
            f"WHERE e.run_id = '{run_id}' AND a.model = '{model}' AND e.kind = 'answer.delta' ORDER BY e.seq"
        )
        (answer,) = self.rows(f"SELECT id FROM runs_answer WHERE run_id = '{run_id}' AND model = '{model}'")
        return "".join(e["data"]["text"] for e in told if e["data"]["answer"] == answer["id"])

    def has_told(self, run_id: str, model: str, text: str) -> bool:
        """Whether this much of a member's text would outlive a kill now."""
        return self.told(run_id, model) == text

    def all_ended(self) -> None:
        """Wait for the end of all runs, and check everything that was promised of them."""
        for run_id, viewer in self.viewers.items():
            stream = viewer.all()
            assert not viewer.refusals, f"{viewer.refusals}\n{self.site.output[-8000:]}"
            view = self.api("GET", f"runs/{run_id}")
            check(self._history(run_id, view=view, stream=stream))

    def all_over(self) -> None:
        """Wait for the end of all runs."""
        for viewer in self.viewers.values():
            viewer.all()

    def all_sound(self) -> None:
        """Check what is promised of the runs at any moment, by the rows alone, and remember what was finished by now."""
        self._sightings.append((len(self.upstream.ledger), self._witness()))
        for run_id in self.viewers:
            check_halfway(self._history(run_id))

    def _history(self, run_id: str, **shown: Any) -> History:
        return history_of(self.rows, run_id, self.upstream.ledger, sightings=self._sightings, **shown)

    def until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Wait until something holds, looking all the time, so that what happens then happens at once."""
        until = time.monotonic() + WITHIN_S
        printed = (site.output[-3000:] for site in (self.site, self.frozen) if site is not None)
        while not is_so():
            assert time.monotonic() < until, "\n".join([f"{what} did not come about", *printed])
            time.sleep(LOOK_S)

    def count(self, table: str, condition: str) -> int:
        """Count rows of the runs that are watched."""
        runs = ", ".join(f"'{run_id}'" for run_id in self.viewers)
        (row,) = self.rows(f"SELECT count(*) AS n FROM {table} WHERE run_id IN ({runs}) AND {condition}")
        found: int = row["n"]
        return found

    def recover(self) -> None:
        """Serve again, whatever a test left behind."""
        if self.frozen is not None:
            os.kill(self.frozen.pid, signal.SIGCONT)
            self.frozen.kill()
            self.frozen = None
        if not self.site.is_running:
            self.site.start()

    # Accidents --------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """End the server by SIGKILL, and look at what it leaves."""
        self.site.kill()
        self.all_sound()

    def restart(self) -> None:
        """Start it again on the same data."""
        self.site.start()

    def freeze(self) -> None:
        """Stop the server by SIGSTOP in the middle of whatever it does.

        Not in the middle of a write: a process that hangs there locks everybody out of SQLite, and no lease helps.
        """
        self.frozen = self.site
        while True:
            os.kill(self.frozen.pid, signal.SIGSTOP)
            self.until("the standstill", partial(has_stopped, self.frozen.pid))
            if self._is_writable():
                self._held = self._unfinished()
                self._checked = self._attempts() - len(self.upstream.ledger)
                return
            os.kill(self.frozen.pid, signal.SIGCONT)

    def _is_writable(self) -> bool:
        with suppress(sqlite3.OperationalError), self.locked(wait_s=0.0):
            return True
        return False

    def take_over(self) -> None:
        """Serve from a second process on the same data, which goes on with the runs once their leases are over."""
        self.site = Site(self.site.data_dir, **self._env).start()
        for viewer in self.viewers.values():
            viewer.drop()

    def thaw(self) -> None:
        """Let the frozen process go on, once its runs are over elsewhere: it may write nothing more and ask for nothing.

        Only what had passed its last check when the process was frozen may leave, as docs/runs.md says.
        """
        assert self.frozen is not None
        frozen, before, asked = self.frozen, self._facts(), len(self.upstream.ledger)
        takeovers = frozen.output.count(TAKEN_OVER)
        os.kill(frozen.pid, signal.SIGCONT)
        self.until("the fence", lambda: frozen.output.count(TAKEN_OVER) >= takeovers + self._held)
        late = self.upstream.ledger[asked:]
        assert len(late) <= self._checked, f"{self._checked} had been checked, {[a.model for a in late]} left"
        del self.upstream.ledger[asked:]
        assert self._facts() == before
        frozen.kill()
        self.frozen = None

    def _facts(self) -> tuple[Any, ...]:
        runs = self.rows("SELECT id, seq, epoch, state, lease_owner FROM runs_run ORDER BY id")
        return runs, self.rows("SELECT count(*) AS n FROM runs_event")

    def _attempts(self) -> int:
        """Count the attempts of the watched runs that are stored."""
        tables = ("runs_answer", "runs_step")
        ids = ", ".join(f"'{run_id}'" for run_id in self.viewers)
        counts = [self.rows(f"SELECT sum(attempt) AS n FROM {t} WHERE run_id IN ({ids})") for t in tables]
        return sum(row["n"] or 0 for (row,) in counts)

    def _unfinished(self) -> int:
        """Count the watched runs that a process works on."""
        ids = ", ".join(f"'{run_id}'" for run_id in self.viewers)
        held = f"id IN ({ids}) AND is_open AND lease_until IS NOT NULL"
        (row,) = self.rows(f"SELECT count(*) AS n FROM runs_run WHERE {held}")
        found: int = row["n"]
        return found

    @property
    def is_quiet(self) -> bool:
        """Whether all runs are over."""
        return self._unfinished() == 0 and all(v.has_seen_the_end for v in self.viewers.values())

    @contextmanager
    def locked(self, *, wait_s: float = 20.0) -> Iterator[None]:
        """Keep everybody from writing: what the server is told meanwhile it knows, and cannot store."""
        path = self.site.data_dir / "fusion.sqlite3"
        lock = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
        try:
            lock.execute("BEGIN IMMEDIATE")
            yield
        finally:
            lock.close()


def has_stopped(pid: int) -> bool:
    """Whether every thread of a process stands still: a signal reaches them one by one, and one may end meanwhile."""
    with suppress(FileNotFoundError, ProcessLookupError):
        stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
        return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)
    return False
