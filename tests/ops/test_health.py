"""`/livez` and `/readyz`: open to anyone, true, and silent about secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoDbBlocker


def test_livez_needs_no_database() -> None:
    response = Client().get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_says_ok_when_the_database_is_migrated() -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Content-Type"] == "application/json"
    assert Client().post("/readyz").status_code == 405


@pytest.mark.django_db
def test_readyz_names_a_migration_that_is_not_applied() -> None:
    newest = MigrationLoader(connection).graph.leaf_nodes("accounts")[0]
    MigrationRecorder(connection).record_unapplied(*newest)
    response = Client().get("/readyz")
    assert response.status_code == 503
    problems = response.json()["problems"]
    assert len(problems) == 1
    assert "migrations are not applied: run manage.py migrate" in problems[0]


def test_readyz_hides_the_drivers_words_when_the_database_is_gone(
    tmp_path: Path, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = connections["default"]
    default.close()
    monkeypatch.setitem(default.settings_dict, "NAME", str(tmp_path / "no" / "such" / "secret-name.sqlite3"))
    with django_db_blocker.unblock():
        response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "problems": ["The database cannot be reached."]}
    assert "secret-name" not in response.content.decode()
