"""What the crash tests share: one site that is killed again and again, a program's way to it, and a scripted upstream."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.theatre import Theatre
from tests.site.conftest import api, installed, upstream
from tests.upstream import Upstream

__all__ = ["api", "installed", "upstream"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, installed: tuple[Path, str]) -> Iterator[Theatre]:
    """Give the one site of a module, which outlives everything that is done to it."""
    data_dir, token = installed
    own = tmp_path_factory.mktemp("crash") / "var"
    shutil.copytree(data_dir, own)
    server = Upstream()
    theatre = Theatre(own, token, server)
    yield theatre
    theatre.close()
    server.close()


@pytest.fixture
def theatre(stage: Theatre) -> Iterator[Theatre]:
    """Give the site, and serve again after a test that failed halfway."""
    yield stage
    stage.recover()
