"""The audit trail: everything that matters is in it, nothing secret is, nobody changes it, and only owners read it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, connection, transaction
from django.test import AsyncClient, Client
from django.utils import timezone

from fusion_site.accounts.access import SESSION_TEAM
from fusion_site.accounts.audit import record
from fusion_site.accounts.models import AuditEntry, Team, User
from tests.api.conftest import Program

ClientFor = Callable[[User | None], Client]
ProgramOf = Callable[[User | None], Program]
KEY = "zq9-canary-0123456789"


def actions(team: Team) -> list[str]:
    """Give what was done in the team, the oldest first, apart from sign-ins."""
    rows = AuditEntry.objects.filter(team=team).exclude(kind="session").order_by("id")
    return list(rows.values_list("action", flat=True))


def note(team: Team, by: User, action: str = "pool.changed", name: str = "x", count: int = 1) -> None:
    """Put entries into the trail."""
    with transaction.atomic():
        for _ in range(count):
            record(team, action, by=by, name=name)


def download(user: User, team: Team, path: str) -> tuple[int, str]:
    """Get a file of the trail as a browser does; gives the status and the text."""

    async def get() -> tuple[int, str]:
        client = AsyncClient()
        await client.aforce_login(user)
        session = await client.asession()
        await session.aset(SESSION_TEAM, team.pk)
        await session.asave()
        answer = await client.get(path)
        if not answer.streaming:
            return answer.status_code, ""
        parts: Any = answer
        return answer.status_code, b"".join([part async for part in parts]).decode()

    return async_to_sync(get)()


def test_what_a_team_keeps_is_told_of_without_its_secrets(team: Team, alice: User, call: Program) -> None:
    up = {"name": "Up", "kind": "openai", "base_url": "https://api.example.com/v1", "api_key": KEY}
    made = call.made("connections", up)["id"]
    call("PATCH", f"connections/{made}", {"name": "Upstream", "api_key": KEY + "b"})
    call("PATCH", f"connections/{made}", {"api_key": None})
    member = {"connection": made, "model": "ada", "system": "a private prompt"}
    pool = call.made("pools", {"name": "Three", "members": [member]})["id"]
    judge = call.made("judges", {"name": "Strict", "connection": made, "model": "ada"})["id"]
    preset = call.made("presets", {"name": "Quick", "pool": pool, "judge": judge})["id"]
    call("PATCH", f"presets/{preset}", {"mode": "best_of"})
    for path in (f"presets/{preset}", f"judges/{judge}", f"pools/{pool}", f"connections/{made}"):
        assert call("DELETE", path).status_code == 204
    assert actions(team) == [
        "token.made",
        "connection.created",
        "connection.key_set",
        "connection.changed",
        "connection.key_set",
        "connection.changed",
        "connection.key_removed",
        "pool.created",
        "judge.created",
        "preset.created",
        "preset.changed",
        "preset.deleted",
        "judge.deleted",
        "pool.deleted",
        "connection.deleted",
    ]
    entry = AuditEntry.objects.get(action="preset.changed")
    assert (entry.details, entry.door, entry.object_name) == (
        {"version": 2, "fields": ["mode"]},
        "token",
        "Quick",
    )
    told = str(list(AuditEntry.objects.values()))
    assert KEY not in told
    assert "private prompt" not in told
    assert (call.token or "") not in told


def test_tokens_and_sign_ins_are_told_of_in_each_team(team: Team, bob: User, client_for: ClientFor) -> None:
    client = client_for(bob)
    typed = {"name": "robot", "scopes": ["read"], "days": "30"}
    assert client.post("/tokens/", typed, follow=True).status_code == 200
    client.post("/accounts/logout/")
    for each in (team, bob.personal_team):
        kinds = set(AuditEntry.objects.filter(team=each, kind="session").values_list("action", flat=True))
        assert kinds == {"session.signed_in", "session.signed_out"}


def test_a_change_that_is_undone_leaves_no_entry_and_none_is_written_beside_a_transaction(
    team: Team, alice: User
) -> None:
    with transaction.atomic():
        record(team, "pool.changed", by=alice)
        transaction.set_rollback(True)
    with pytest.raises(RuntimeError):
        record(team, "pool.changed", by=alice)
    with pytest.raises(ValueError, match="is not an action"), transaction.atomic():
        record(team, "pol.changed", by=alice)
    assert not AuditEntry.objects.filter(kind="pool").exists()


def test_nobody_changes_an_entry(team: Team, alice: User) -> None:
    note(team, alice)
    entry = AuditEntry.objects.get(kind="pool")
    for change in (entry.save, AuditEntry.objects.all().delete, lambda: AuditEntry.objects.update(actor="x")):
        with pytest.raises(TypeError):
            change()
    with (
        pytest.raises(DatabaseError, match="not changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE accounts_auditentry SET actor = 'somebody else'")
    assert AuditEntry.objects.get(kind="pool").actor == "alice@example.com"


def test_what_looks_like_a_key_is_hidden_even_in_a_name(team: Team, alice: User) -> None:
    with transaction.atomic():
        record(team, "pool.changed", by=alice, name="sk-abcdefghijklmnop", why=["fus_abcdefghijklmnop"])
    entry = AuditEntry.objects.get(kind="pool")
    assert (entry.object_name, entry.details) == ("[hidden]", {"why": ["[hidden]"]})


def test_only_owners_read_it(
    team: Team,
    alice: User,
    bob: User,
    dave: User,
    charlie: User,
    client_for: ClientFor,
    program_of: ProgramOf,
) -> None:
    note(team, alice, name="a secret pool")
    for person in (bob, dave):
        assert client_for(person).get("/team/audit/").status_code == 403
        assert download(person, team, "/team/audit/export.csv")[0] == 403
        assert program_of(person)("GET", "team/audit").status_code == 403
        assert program_of(person)("GET", "team/audit/export").status_code == 403
    assert "a secret pool" not in client_for(charlie).get("/team/audit/").content.decode()
    assert "a secret pool" not in download(charlie, team, "/team/audit/export.csv")[1]
    assert "a secret pool" in client_for(alice).get("/team/audit/").content.decode()


def test_the_page_filters_and_pages(team: Team, alice: User, bob: User, client_for: ClientFor) -> None:
    note(team, alice, "judge.created", "J", count=60)
    note(team, bob, "pool.created", "P", count=3)
    client = client_for(alice)
    first = client.get("/team/audit/", {"kind": "judge"})
    assert {each.object_name for each in first.context["entries"]} == {"J"}
    assert len(first.context["entries"]) == 50
    second = client.get(f"/team/audit/?{first.context['older']}")
    assert (len(second.context["entries"]), second.context["older"]) == (10, "")
    by_bob = client.get("/team/audit/", {"person": "bob@", "kind": "pool"}).context["entries"]
    assert [each.actor for each in by_bob] == ["bob@example.com"] * 3
    tomorrow = (timezone.now() + timedelta(days=1)).date().isoformat()
    assert client.get("/team/audit/", {"since": tomorrow}).context["entries"] == []
    # Not today's: midnight may have passed since.
    day = by_bob[0].at.date().isoformat()
    assert client.get("/team/audit/", {"since": day, "until": day, "kind": "pool"}).context["entries"]
    assert client.get("/team/audit/", {"since": "soon"}).status_code == 422


def test_programs_page_through_it(team: Team, bob: User, call: Program) -> None:
    note(team, bob, "judge.created", "J", count=5)
    seen, cursor = [], ""
    while True:
        page = call("GET", f"team/audit?kind=judge&limit=2{cursor}").json()
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [each["actor"] for each in seen] == ["bob@example.com"] * 5
    assert call("GET", "team/audit?kind=king").status_code == 422


@pytest.mark.django_db(transaction=True)
def test_all_of_it_is_exported_and_no_cell_is_a_formula(
    team: Team, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusion_site.accounts.audit_reading.BATCH", 4)
    note(team, alice, name='=HYPERLINK("http://evil.example")', count=10)
    _, text = download(alice, team, "/team/audit/export.csv?kind=pool")
    head, *rows = csv.reader(io.StringIO(text))
    assert (head[:3], len(rows)) == (["at", "actor", "action"], 10)
    assert {row[5] for row in rows} == {'\'=HYPERLINK("http://evil.example")'}
    _, text = download(alice, team, "/team/audit/export.jsonl?kind=pool")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["object_name"] for line in lines] == ['=HYPERLINK("http://evil.example")'] * 10
    assert download(alice, team, "/team/audit/export.xml")[0] == 404
