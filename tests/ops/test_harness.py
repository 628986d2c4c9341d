"""The harness itself: async tests run, with FUSION_REQUIRE_ALL=1 no skip passes for a success, and watches tell the time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.rehearsal.conftest import until
from tests.stopwatch import Stopwatch

ROOT = Path(__file__).resolve().parents[2]
SKIPPING = """
import pytest

def test_skips():
    pytest.skip("no such thing here")

@pytest.mark.xfail(reason="known", strict=True)
def test_known():
    raise AssertionError
"""


ASYNC = "import asyncio\n\nasync def test_fails():\n    await asyncio.sleep(0)\n    assert 1 == 2\n"
NO_MODULE = "import pytest\npytest.skip('no such library', allow_module_level=True)\n"


def outcome(folder: Path, *sources: str, **env: str) -> tuple[int, str]:
    """Run `sources` as test modules under this project's conftest; gives the exit status and what was printed."""
    for number, source in enumerate(sources):
        (folder / f"test_inner{number}.py").write_text(source)
    inherited = {name: value for name, value in os.environ.items() if name != "FUSION_REQUIRE_ALL"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", "pyproject.toml", "-q", str(folder)],
        cwd=ROOT,
        env={**inherited, **env},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_skip_is_named_and_passes_by_default_and_an_async_test_can_fail(tmp_path: Path) -> None:
    status, printed = outcome(tmp_path, SKIPPING, ASYNC, NO_MODULE)
    assert status == 1, printed
    assert "assert 1 == 2" in printed
    assert "no such thing here" in printed
    assert "no such library" in printed
    assert "1 failed, 2 skipped, 1 xfailed" in printed


def test_a_skip_fails_where_everything_is_required_and_so_does_a_module_that_skips_itself(
    tmp_path: Path,
) -> None:
    status, printed = outcome(tmp_path, SKIPPING, FUSION_REQUIRE_ALL="1")
    assert status == 1
    assert "FUSION_REQUIRE_ALL=1 wants everything run" in printed
    assert "no such thing here" in printed
    assert "1 failed, 1 xfailed" in printed
    status, printed = outcome(tmp_path, NO_MODULE, FUSION_REQUIRE_ALL="1")
    assert status not in {0, 5}, printed
    assert "no such library" in printed


def test_a_stopwatch_counts_what_a_process_does_and_not_how_long_it_is_kept_from_it() -> None:
    with subprocess.Popen(["sleep", "30"]) as process:
        process.send_signal(signal.SIGSTOP)
        until(lambda: " T " in Path(f"/proc/{process.pid}/stat").read_text(), "it is stopped")
        with Stopwatch(process.pid) as watch:
            began = time.monotonic()
            until(lambda: time.monotonic() > began + 0.3, "a while has passed")
            assert watch.seconds == 0
            process.send_signal(signal.SIGCONT)
            until(lambda: watch.seconds > 0.1, "the watch goes on")
        process.kill()
