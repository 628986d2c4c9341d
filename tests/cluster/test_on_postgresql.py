"""What is sensitive to the database is tested over PostgreSQL, too: the queue's promises, the journal, later passes, and access."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.cluster.servers import PostgreSQL
from tests.site_process import ROOT

QUEUE = [
    f"tests/runs/test_{name}.py"
    for name in ("queue", "journal", "duty", "again", "finding", "deleting", "trimming")
]
QUEUE.append("tests/pools/test_transfer_at_once.py")
ACCESS = [f"tests/access/test_{name}.py" for name in ("matrix", "sockets", "keys")]
ACCESS.append("tests/accounts/test_audit_chain.py")


def test_the_queue_and_the_journal_keep_their_promises_on_postgresql(postgresql: PostgreSQL) -> None:
    _passes(postgresql, QUEUE)


def test_who_may_pass_each_door_is_the_same_on_postgresql(postgresql: PostgreSQL) -> None:
    """A sample of the doors, unless told otherwise: all of them are tried on SQLite, and here by `make access`."""
    _passes(postgresql, ACCESS, FUSION_TEST_DOORS=os.environ.get("FUSION_TEST_DOORS", "40"))


def _passes(postgresql: PostgreSQL, tests: list[str], **more: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgresql.url("fusion"), **more},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "passed" in done.stdout
