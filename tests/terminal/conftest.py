"""A real site, and the command `fusion` as a person types it, in a process and a home of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.api.openai.conftest import Shop, gate, opened, shop
from tests.site_process import ROOT
from tests.terminal.relay import Relay

__all__ = ["gate", "opened", "shop"]

WITHIN_S = 40


class Terminal:
    """Where somebody types commands. `env` holds what they have set."""

    def __init__(self, home: Path, shop: Shop) -> None:
        names = {name: value for name, value in os.environ.items() if not name.startswith("FUSION_")}
        self.home = home
        self.env = {**names, "XDG_CONFIG_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.env |= {"FUSION_URL": shop.site.url, "FUSION_TOKEN": shop.token}

    def begin(
        self,
        *words: str,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stderr: int = subprocess.PIPE,
        **env: str,
    ) -> subprocess.Popen[str]:
        """Start the command; whoever does so waits for its end."""
        return subprocess.Popen(
            [sys.executable, "-m", "fusion_site.terminal", *words],
            cwd=self.home,
            env={**self.env, **env},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            # Whoever runs the tests in the background has programs started that do not hear Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
        )

    def fusion(self, *words: str, piped: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "fusion_site.terminal", *words],
            cwd=self.home,
            env={**self.env, **env},
            input=piped,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
        )


@pytest.fixture
def terminal(tmp_path: Path, shop: Shop) -> Terminal:
    """Give a terminal in which the site and a token are set, and nothing is kept."""
    return Terminal(tmp_path, shop)


@pytest.fixture
def relay(shop: Shop) -> Iterator[Relay]:
    """Give a line to the site that can be cut."""
    relay = Relay(shop.site.port)
    yield relay
    relay.close()
