"""PostgreSQL and Redis from the system's binaries: each a process of its own on a free port, in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from redis import Redis as Client
from redis.exceptions import RedisError

from tests.site_process import free_port

WITHIN_S = 30.0


class Server:
    """A server that can be ended, killed and started again, on the same port and with the same data."""

    def __init__(self, name: str) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"fusion-{name}-"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and come back when it answers."""
        with (self.folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, stdout=log, stderr=log, **self.as_whom()
            )
        until = time.monotonic() + WITHIN_S
        while not self.answers():
            output = (self.folder / "output.log").read_text(errors="replace")
            assert self._process.poll() is None, output
            assert time.monotonic() < until, output
            time.sleep(0.05)

    def end(self, sign: signal.Signals = signal.SIGINT) -> None:
        """End it, and come back when it has gone; SIGINT is an orderly shutdown that waits for no client."""
        assert self._process is not None
        self._process.send_signal(sign)
        self._process.wait(WITHIN_S)
        self._process = None

    def close(self) -> None:
        """End it if it runs, and remove its folder."""
        if self._process is not None:
            self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self) -> list[str]:
        """Give the command that runs it in the foreground."""
        raise NotImplementedError

    def as_whom(self) -> dict[str, Any]:
        """Give the arguments of Popen that say who runs it."""
        return {}

    def answers(self) -> bool:
        """Whether it can be used."""
        raise NotImplementedError


class PostgreSQL(Server):
    """A PostgreSQL with its defaults, and so with fsync. It refuses to be run by root, who therefore hands it over."""

    def __init__(self) -> None:
        super().__init__("postgresql")
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self._bin = found[-1] if found else _folder_of("postgres")
        if os.getuid() == 0:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        made = [
            "initdb",
            "-D",
            "data",
            "-U",
            "fusion",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        self.run(*made)

    @property
    def _user(self) -> pwd.struct_passwd:
        names = {entry.pw_name for entry in pwd.getpwall()}
        return pwd.getpwnam("postgres" if "postgres" in names else "nobody")

    def url(self, name: str) -> str:
        """Give the address of one of its databases."""
        return f"postgres://fusion@127.0.0.1:{self.port}/{name}"

    def run(self, name: str, *arguments: str) -> None:
        """Run one of its tools to its end."""
        command = [str(self._bin / name), *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, **self.as_whom())

    def command(self) -> list[str]:
        """Give the command that runs it in the foreground."""
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder)}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [str(self._bin / "postgres"), "-D", "data", "-p", str(self.port), *settings]

    def as_whom(self) -> dict[str, Any]:
        """Give the arguments of Popen that say who runs it."""
        if os.getuid() != 0:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def answers(self) -> bool:
        """Whether it lets clients in."""
        asked = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0


class Redis(Server):
    """A Redis that keeps nothing."""

    def __init__(self) -> None:
        super().__init__("redis")
        self._binary = str(_folder_of("redis-server") / "redis-server")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Client(port=self.port)

    def command(self) -> list[str]:
        """Give the command that runs it in the foreground."""
        return [self._binary, "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]

    def answers(self) -> bool:
        """Whether it lets clients in."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return bool(self.client.ping())
        except (OSError, RedisError):
            return False

    def listeners(self, run_id: str) -> int:
        """Give how many processes stand at the doorbell of a run."""
        channel = f"fusion__group__run.{run_id}"
        return int(self.client.pubsub_numsub(channel)[0][1])


def _folder_of(binary: str) -> Path:
    """Give where a binary is; a test that needs one which is missing is skipped, and says what to install."""
    found = shutil.which(binary)
    if found is None:
        pytest.skip(f"{binary} is not installed; on Debian and Ubuntu: apt install postgresql redis-server")
    return Path(found).parent
