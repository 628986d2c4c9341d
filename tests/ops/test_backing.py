"""The two URLs choose the size of the site, and one that is wrong is told in one sentence without its password."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from fusion_site.ops.backing import channel_layer_at, database_at

ROOT = Path(__file__).resolve().parents[2]


def manage(tmp_path: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command with these variables and nothing else of the site's."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, "FUSION_DATA_DIR": str(tmp_path), **env},
        capture_output=True,
        text=True,
    )


def test_without_urls_everything_is_on_this_machine(tmp_path: Path) -> None:
    database = database_at("", tmp_path)
    assert (database["ENGINE"], database["NAME"]) == (
        "django.db.backends.sqlite3",
        str(tmp_path / "fusion.sqlite3"),
    )
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert channel_layer_at("")["BACKEND"] == "channels.layers.InMemoryChannelLayer"


def test_a_postgresql_is_reached_through_a_pool_and_keeps_the_options_of_its_url(tmp_path: Path) -> None:
    database = database_at("postgres://me:p%40ss@db:5433/site?sslmode=require", tmp_path)
    assert (database["HOST"], database["PORT"], database["PASSWORD"]) == ("db", 5433, "p@ss")
    assert database["OPTIONS"]["pool"]["max_size"] > 1
    assert database["OPTIONS"]["sslmode"] == "require"


@pytest.mark.parametrize(
    "url", ["postgres://a:hunter2@db:port/x", "postgres://a:hunter2@db", "mysql://a:hunter2@b/c", "nonsense"]
)
def test_a_database_that_is_none_is_told_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must be postgres://") as told:
        database_at(url, tmp_path)
    assert "hunter2" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_wrong_url_ends_a_command_with_one_sentence(tmp_path: Path, name: str) -> None:
    done = manage(tmp_path, "check", **{name: "http://hunter2@x:y"})
    assert done.returncode == 1
    assert done.stderr.startswith(f"The settings cannot work: {name} must be ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_what_is_half_a_cluster_is_told_at_the_start(tmp_path: Path) -> None:
    url = "postgres://nobody@127.0.0.1:1/nothing"
    done = manage(tmp_path, "check", DATABASE_URL=url, FUSION_COMPACT_MODEL="/models/x.gguf")
    assert "fusion.W001" in done.stderr
    assert "fusion.E004" in done.stderr
    done = manage(tmp_path, "check", DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1/0")
    assert (done.returncode, "fusion." in done.stderr) == (0, False)
