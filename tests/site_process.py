"""The whole site as its operator runs it: a process of its own, a data folder of its own, a real port."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 60.0
_POLL_S = 0.05
# Below those from which systems take a free one for whoever asks for any, or connects: a site that starts, or starts
# again, would find its port taken. Processes that test side by side draw from halves of their own.
PORTS = range(20_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 2, 32_000, 2)
DATABASE = "fusion.sqlite3"
_OF_A_SITE = ("FUSION_", "DATABASE_URL", "REDIS_URL")


class NotReady(Exception):
    """The site did not become ready; the message ends with what it printed."""


class Site:
    """A site on `data_dir`, with extra settings given as environment variables.

    The port is chosen once, so that a restarted site is found at the same `url`. Everything that the process and its
    children print is in `output`.
    """

    def __init__(self, data_dir: Path, **env: str) -> None:
        """Settle address and environment; nothing starts yet."""
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = data_dir / "output.log"
        self._groups: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OF_A_SITE)}
        own = {"FUSION_DATA_DIR": str(data_dir), "FUSION_URL": self.url, "FUSION_REHEARSAL_SPEED": "30"}
        own["FUSION_DRAIN_S"] = "0"
        self.env = {**inherited, "PYTHONUNBUFFERED": "1", **own, **env}

    def start(self, *, within: float = READY_WITHIN_S) -> Site:
        """Install if there is no database yet, serve, and come back once `/readyz` says yes (`within` seconds)."""
        if "DATABASE_URL" not in self.env:
            self.install()
        self._launch("serve", "--host", "127.0.0.1", "--port", str(self.port))
        self._wait_until_ready(within)
        return self

    def install(self) -> None:
        """Put a migrated, empty database into the data folder, unless it has one."""
        database = self.data_dir / DATABASE
        if not database.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(migrated(), database)

    def _launch(self, *arguments: str) -> None:
        """Start a command of `manage.py` that goes on until it is ended."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groups.append(self._process.pid)

    def manage(self, *arguments: str, timeout: float = 120) -> str:
        """Run `manage.py` with the site's settings and give what it printed; raises on failure."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {arguments[0]} failed ({done.returncode}):\n{done.stderr}")
        return done.stdout

    def stop(self, *, within: float = 20) -> int:
        """Ask the site to end, as an operator does (SIGTERM), and give its exit status (negative: a signal)."""
        return self._end(signal.SIGTERM, within)

    def kill(self) -> None:
        """End the site's process at once (SIGKILL), and only it: what its children do then is theirs to get right."""
        self._end(signal.SIGKILL, 10)

    def restart(self) -> Site:
        """Stop and start on the same address and data."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """Stop if still running, and end whatever any start left behind."""
        try:
            if self._process is not None:
                self.stop()
        finally:
            for group in self._groups:
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
            self._groups.clear()

    @property
    def output(self) -> str:
        """All that was printed so far, over every start."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether a server process was started and not ended from here."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The id of the running server process."""
        if self._process is None:
            raise RuntimeError("the site is not running")
        return self._process.pid

    def __enter__(self) -> Site:
        """Start."""
        return self.start()

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()

    def _end(self, sign: signal.Signals, within: float) -> int:
        process = self._process
        if process is None:
            raise RuntimeError("the site is not running")
        process.send_signal(sign)
        try:
            status = process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(
                f"the site did not end within {within} s of {sign.name}:\n{self.output[-4000:]}"
            ) from None
        finally:
            self._process = None
        return status

    def _wait_until_ready(self, within: float) -> None:
        until = time.monotonic() + within
        answer = "nothing listened"
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                self._process = None
                raise NotReady(f"the site ended while starting:\n{self.output[-4000:]}")
            try:
                status, answer = self._ask("/readyz")
            except (OSError, http.client.HTTPException):
                time.sleep(_POLL_S)
                continue
            if status == 200 and json.loads(answer) == {"status": "ok"}:
                return
            time.sleep(_POLL_S)
        raise NotReady(f"not ready within {within} s, last answer: {answer}\n{self.output[-4000:]}")

    def _ask(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@cache
def migrated() -> Path:
    """Give a database as `manage.py migrate` leaves it: made once for all sites of this process, which copy it."""
    folder = Path(tempfile.mkdtemp(prefix="fusion-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Site(folder).manage("migrate", "--verbosity", "0")
    assert not (folder / f"{DATABASE}-wal").exists()
    return folder / DATABASE


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens on now, and that nobody is given by the system until it is used."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
