"""Which browser the browser tests use; run as a program it also fetches one where there is none.

The system's Chromium or Chrome comes first, then Playwright's own build, then (for root on Debian) apt's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
# Without these, Chromium calls its maker's hosts at every start; --no-sandbox only where root leaves no choice.
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


def find() -> str | None:
    """Give the path of a browser that can be started, or None; FUSION_TEST_BROWSER names one outright."""
    named = os.environ.get("FUSION_TEST_BROWSER")
    if named:
        return shutil.which(named)
    installed = next((path for path in map(shutil.which, NAMES) if path), None)
    return installed or _of_playwright()


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _fetch() -> bool:
    """Try each way of getting a browser; the commands say themselves what goes wrong."""
    if _runs(sys.executable, "-m", "playwright", "install", "chromium"):
        return True
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    return _runs("apt-get", "update") and _runs(
        "apt-get", "install", "-y", "--no-install-recommends", "chromium"
    )


def _runs(*command: str) -> bool:
    print("$", " ".join(command), flush=True)
    return subprocess.run(command, check=False).returncode == 0


def main() -> None:
    """Print the browser's path, fetching one first if need be; without one, say so and let the tests skip by name."""
    path = find() or (find() if _fetch() else None)
    print(path or "No Chromium or Chrome could be found or fetched: the browser tests will be skipped.")


if __name__ == "__main__":
    main()
