"""`make clients`: the command `fusion` as `pip install` puts it into an environment that has nothing else of this project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.site_process import ROOT, Site


def test_it_works_where_nothing_else_of_the_site_is_installed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    commands = tmp_path / "venv" / "bin"
    subprocess.run([commands / "pip", "install", "--quiet", ROOT], check=True)
    listed = subprocess.run([commands / "pip", "list", "--format=json"], check=True, capture_output=True)
    assert not {"django", "channels"} & {each["name"].lower() for each in json.loads(listed.stdout)}
    with Site(tmp_path / "var") as site:
        token = site.manage("createtoken", "ops@example.com", "--create").strip()
        names = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        asked = subprocess.run(
            [commands / "fusion", "--preset", "rehearsal", "Is this migration safe?"],
            cwd=tmp_path,
            env={**names, "FUSION_URL": site.url, "FUSION_TOKEN": token},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.count("*rehearsal: scripted, no AI*") == 1
