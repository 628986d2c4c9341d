"""`make clients`: the examples of docs/clients.md for clients that the tests do not bring along.

They are installed from PyPI and npm into `var/clients` first. The file's name keeps it from `make test`, which has to pass
where neither can be reached.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.openai.examples import examples_of, output_of
from tests.site_process import ROOT, Site

FOLDER = ROOT / "var" / "clients"
PACKAGES = ["langchain-openai", "litellm", "llm"]


@pytest.fixture(scope="session")
def programs() -> Path:
    """Install the Python clients; gives the folder of their commands."""
    if not (FOLDER / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", FOLDER / "python"], check=True)
    commands = FOLDER / "python" / "bin"
    subprocess.run([commands / "pip", "install", "--quiet", "--upgrade", *PACKAGES], check=True)
    return commands


@pytest.fixture(scope="session")
def node() -> Path:
    """Install the Node client; gives the folder in which it is found."""
    folder = FOLDER / "node"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    subprocess.run(
        ["npm", "install", "--silent", "--no-fund", "--no-audit", "openai"], cwd=folder, check=True
    )
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site with the rehearsal presets."""
    with Site(tmp_path_factory.mktemp("clients") / "var") as site:
        yield site


@pytest.fixture(scope="session")
def token(site: Site) -> str:
    """Give a token of somebody there."""
    return site.manage("createtoken", "ops@example.com", "--create").strip()


@pytest.mark.parametrize("client", ["langchain-openai", "litellm"])
def test_python_clients(site: Site, token: str, programs: Path, tmp_path: Path, client: str) -> None:
    (example,) = examples_of(client)
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    printed = output_of(site, token, [str(programs / "python"), "-c", example], tmp_path, **quiet)
    assert printed.count("*rehearsal: scripted, no AI*") == 2


def test_llm(site: Site, token: str, programs: Path, tmp_path: Path) -> None:
    (example,) = examples_of("llm")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    printed = output_of(site, token, ["bash", "-euc", example], ROOT, LLM_USER_PATH=str(tmp_path), PATH=path)
    assert len(printed.split()) > 50


def test_node(site: Site, token: str, node: Path) -> None:
    (example,) = examples_of("node")
    (node / "example.mjs").write_text(example)
    program = shutil.which("node")
    assert program is not None, "Node is not installed."
    printed = output_of(site, token, [program, "example.mjs"], node)
    assert f"{site.url}/runs/" in printed
