"""A watch for what is promised within seconds: it stands still while the machine gives those who are timed no time.

A busy machine may keep any process from running for a second or two, which says nothing of the site. A wait for anything
that the site itself does or leaves undone is counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

TICK_S = 0.02
_STOPPED = "T"


class Stopwatch:
    """Runs from `with` on, by the time that this process and those of `pids` had; `seconds` may be read at any time."""

    def __init__(self, *pids: int) -> None:
        self.seconds = 0.0
        self._pids, self._over = pids, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Stopwatch:
        """Start."""
        self._waits = [_Waits(pid) for pid in self._pids]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(TICK_S):
            now = time.monotonic()
            passed, last = now - last, now
            kept = max([passed - TICK_S, *(each.since(passed) for each in self._waits)])
            self.seconds += max(0.0, passed - max(0.0, kept))


class _Waits:
    """For how long a process was ready to run, and did not."""

    def __init__(self, pid: int) -> None:
        self._place = Path(f"/proc/{pid}")
        self._before = self._waited()

    def since(self, passed: float) -> float:
        """Give what was waited of the seconds that have passed since the last look: the most of any thread."""
        before, self._before = self._before, self._waited()
        if self._is_stopped():
            return passed
        return max((self._before[task] - before.get(task, 0.0) for task in self._before), default=0.0)

    def _waited(self) -> dict[str, float]:
        """Give the seconds that each thread has stood in the queue for a processor; none once the process has gone."""
        found = {}
        with suppress(OSError):
            for task in self._tasks():
                with suppress(OSError):
                    found[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
        return found

    def _tasks(self) -> Iterable[Path]:
        return (self._place / "task").iterdir()

    def _is_stopped(self) -> bool:
        with suppress(OSError):
            return (self._place / "stat").read_text().rpartition(")")[2].split()[0] == _STOPPED
        return False
