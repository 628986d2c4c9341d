"""The examples of docs/clients.md, and a site to run them against as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.site_process import ROOT, Site

_EXAMPLE = re.compile(r"<!-- run: ([a-z-]+) -->\n```\w+\n(.*?)```", re.DOTALL)


def examples_of(client: str) -> list[str]:
    """Give the text of every example for one client."""
    text = (ROOT / "docs" / "clients.md").read_text()
    return [found[2] for found in _EXAMPLE.finditer(text) if found[1] == client]


def output_of(site: Site, token: str, command: list[str], folder: Path, **env: str) -> str:
    """Run a command as a reader of the page would, and give what it printed; raises on failure."""
    own = {"OPENAI_BASE_URL": f"{site.url}/v1", "OPENAI_API_KEY": token}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**inherited, **own, **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
