"""Settings that cannot work are found at the start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from pytest_django import Settings

ROOT = Path(__file__).resolve().parents[2]


def found() -> dict[str | None, str]:
    """Give this site's own complaints by id."""
    return {problem.id: problem.msg for problem in run_checks() if str(problem.id).startswith("fusion.")}


def test_the_defaults_are_fine() -> None:
    assert found() == {}


def test_a_key_that_is_none_is_told_by_its_place_and_not_shown(settings: Settings) -> None:
    settings.FUSION_SEALING_KEYS = [Fernet.generate_key().decode(), "hunter2"]
    assert found() == {"fusion.E001": "FUSION_SEALING_KEYS: number 2 is not a key."}


def test_a_limit_of_nothing_is_refused(settings: Settings) -> None:
    settings.FUSION_CALLS_PER_MINUTE = 0
    assert found() == {"fusion.E002": "FUSION_CALLS_PER_MINUTE must be at least 1."}


@pytest.mark.parametrize(
    "url", ["fusion.example", "ftp://fusion.example", "https://", "https://fusion.example/base"]
)
def test_an_address_that_is_none_is_refused(settings: Settings, url: str) -> None:
    settings.FUSION_URL = url
    assert list(found()) == ["fusion.E003"]


@pytest.mark.parametrize(
    "entry", ["llm.corp", "https://llm.corp:443", "llm.corp:443/v1", "me@llm.corp:443", "llm.corp:x", ":80"]
)
@pytest.mark.parametrize("name", ["FUSION_PRIVATE_UPSTREAMS", "FUSION_IN_HOUSE"])
def test_a_listed_server_that_is_none_is_refused(settings: Settings, name: str, entry: str) -> None:
    setattr(settings, name, frozenset({"10.0.0.5:8080", "[fd00::1]:8080", "llm.corp:443"}))
    assert found() == {}
    setattr(settings, name, frozenset({"10.0.0.5:8080", entry}))
    assert list(found()) == ["fusion.E005"]


def test_an_https_site_passes_djangos_deployment_checks(tmp_path: Path) -> None:
    env = {**os.environ, "FUSION_URL": "https://fusion.example", "FUSION_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
