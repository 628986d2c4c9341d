"""What is sensitive to the database is tested over PostgreSQL, too: the queue's promises, the journal, and later passes."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.cluster.servers import PostgreSQL
from tests.site_process import ROOT

TESTS = [
    f"tests/runs/test_{name}.py" for name in ("queue", "journal", "duty", "again", "finding", "deleting")
]


def test_the_queue_and_the_journal_keep_their_promises_on_postgresql(postgresql: PostgreSQL) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgresql.url("fusion")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "passed" in done.stdout
