"""The chain of the audit trail: what is done to rows behind the site's back is found, and exports can be checked elsewhere."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import AuditEntry, Team, User
from tests.accounts.test_audit import download, note

pytestmark = pytest.mark.django_db(transaction=True)

ROW = "(SELECT id FROM accounts_auditentry WHERE kind = 'pool' ORDER BY id LIMIT 1 OFFSET 2)"
COLUMNS = (
    "team_id, at, person, actor, door, token, address, kind, action, object_id, object_name, details, digest"
)
TAMPERED = {
    "changed": f"UPDATE accounts_auditentry SET actor = 'charlie@example.com' WHERE id = {ROW}",
    "moved in time": f"UPDATE accounts_auditentry SET at = '2020-01-01 00:00:00' WHERE id = {ROW}",
    "removed": f"DELETE FROM accounts_auditentry WHERE id = {ROW}",
    "the first removed": "DELETE FROM accounts_auditentry WHERE id = (SELECT min(id) FROM accounts_auditentry WHERE team_id = (SELECT team_id FROM accounts_auditentry WHERE id = "
    + ROW
    + "))",
    "put in": f"INSERT INTO accounts_auditentry ({COLUMNS}) SELECT {COLUMNS} FROM accounts_auditentry WHERE id = {ROW}",
}


@contextmanager
def unguarded() -> Iterator[None]:
    """Act as whoever has the database itself: without the trigger that keeps the site from changing entries."""
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if is_sqlite:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_is_append_only'")
            (made_by,) = cursor.fetchone()
            cursor.execute("DROP TRIGGER audit_is_append_only")
        else:
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER audit_is_append_only")
        try:
            yield
        finally:
            cursor.execute(
                made_by
                if is_sqlite
                else "ALTER TABLE accounts_auditentry ENABLE TRIGGER audit_is_append_only"
            )


def verify(*words: str) -> str:
    """Give what the command says."""
    said = io.StringIO()
    call_command("audit", "verify", *words, stdout=said)
    return said.getvalue()


@pytest.mark.parametrize("how", TAMPERED)
def test_what_is_done_behind_the_sites_back_is_found(
    team: Team, alice: User, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    note(team, alice, count=5)
    assert f"{team.slug}: {AuditEntry.objects.filter(team=team).count()} entries, whole, ends in " in verify()
    with unguarded(), connection.cursor() as cursor:
        cursor.execute(TAMPERED[how])
        assert cursor.rowcount == 1
    with pytest.raises(CommandError, match=rf"the audit trail of {team.slug}$"):
        call_command("audit", "verify")
    told = capsys.readouterr().out
    assert f"{team.slug}: broken at entry" in told
    assert ("after 0 whole" in told) is (how == "the first removed")


def test_each_team_has_a_chain_of_its_own(team: Team, alice: User, bob: User) -> None:
    for _ in range(3):
        note(team, alice)
        note(bob.personal_team, bob)
    assert verify("--team", team.slug).count("whole") == 1
    assert verify().count(", whole") >= 3
    with pytest.raises(CommandError, match="no team"):
        verify("--team", "nosuchteam")


def test_of_many_at_once_each_follows_another(team: Team, alice: User, bob: User) -> None:
    faults: list[Exception] = []

    def write(user: User) -> None:
        try:
            for _ in range(5):
                with transaction.atomic():
                    record(team, "pool.changed", by=user)
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(user,)) for user in (alice, bob, alice, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    assert AuditEntry.objects.filter(team=team, kind="pool").count() == 20
    assert "whole" in verify("--team", team.slug)


def exported(alice: User, team: Team, folder: Path) -> Path:
    """Save an export of the whole trail."""
    status, text = download(alice, team, "/team/audit/export.jsonl")
    assert status == 200
    path = folder / "audit.jsonl"
    path.write_text(text)
    return path


def test_an_export_can_be_checked_by_whoever_has_it(team: Team, alice: User, tmp_path: Path) -> None:
    """In the way that docs/security.md tells; nothing of the site is used for it."""
    note(team, alice, name="“quoted”, \\ and ☃", count=3)
    lines = exported(alice, team, tmp_path).read_text().splitlines()
    before = ""
    for line in reversed(lines):
        entry = json.loads(line)
        digest = entry.pop("digest")
        said = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert digest == hashlib.sha256(f"{before}\n{said}".encode()).hexdigest()
        before = digest
    assert len(lines) > 3
    assert before in verify("--team", team.slug)


def test_a_trail_that_was_shortened_at_its_end_differs_from_an_earlier_export(
    team: Team, alice: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chain alone cannot tell: what is left of it fits together."""
    note(team, alice, count=3)
    path = exported(alice, team, tmp_path)
    note(team, alice)
    assert "exported entries are in the trail" in verify("--team", team.slug, "--export", str(path))
    with unguarded(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM accounts_auditentry WHERE team_id = %s ORDER BY id DESC", [team.pk])
        (_, (last_exported,), *_) = cursor.fetchall()
        cursor.execute(
            "DELETE FROM accounts_auditentry WHERE team_id = %s AND id >= %s", [team.pk, last_exported]
        )
    assert ", whole" in verify("--team", team.slug)
    with pytest.raises(CommandError, match="not as it was written"):
        call_command("audit", "verify", "--team", team.slug, "--export", str(path))
    path.write_text("no export\n")
    with pytest.raises(CommandError, match="cannot be read as an export"):
        verify("--team", team.slug, "--export", str(path))


def test_entries_from_before_there_was_a_chain_get_their_places_in_it(
    team: Team, alice: User, bob: User
) -> None:
    for _ in range(3):
        note(team, alice)
        note(bob.personal_team, bob)
    MigrationExecutor(connection).migrate([("accounts", "0008_sign_on")])
    again = MigrationExecutor(connection)
    # To the end, not to the chain alone: what comes after it was undone with it, and other tests stand on that.
    again.migrate(again.loader.graph.leaf_nodes())
    assert verify().count(", whole") >= 3
    with (
        pytest.raises(DatabaseError, match="not changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE accounts_auditentry SET actor = 'somebody else'")
