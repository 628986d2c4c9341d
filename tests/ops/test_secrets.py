"""Secrets that the site makes for itself."""

from __future__ import annotations

import stat
import threading
from itertools import count
from pathlib import Path

from fusion_site.ops.secrets import kept_secret


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret.key"
    made = count()
    first = kept_secret(path, lambda: f"secret {next(made)}")
    assert first == kept_secret(path, lambda: f"secret {next(made)}") == "secret 0"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["secret.key"]


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    made = count()
    gate = threading.Barrier(8)

    def secret() -> str:
        gate.wait(timeout=10)
        return f"secret {next(made)}"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept_secret(path, secret))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
