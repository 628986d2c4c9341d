"""What is deleted is gone at once for everybody, comes back as it was, and after its time is gone for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.flows.delete import KEYS_KEPT_FOR, delete, forget_deleted
from fusion_site.pools.flows.rotate_keys import rotate_keys
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import Connection, Judge, Pool, Preset, Version
from fusion_site.runs.budget import monthly_money
from fusion_site.runs.finding.flows.mark import set_tags, star
from fusion_site.runs.finding.models import Document
from fusion_site.runs.flows.delete import KEPT_FOR, delete_runs, empty_deleted
from fusion_site.runs.flows.keep_request import keep_request
from fusion_site.runs.live.sending import NOT_FOUND
from fusion_site.runs.models import Answer, Event, Fusion, Request, Run
from fusion_site.runs.sharing.flows.share import share_run
from fusion_site.runs.sharing.models import Comment
from tests.api.conftest import Program, program_of
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer
from tests.runs.test_finding import found, indexed, stored
from tests.runs.test_live import WITHIN_S, socket_for
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db
__all__ = ["program_of"]

ClientFor = Callable[[User | None], Client]
Programs = Callable[[User | None], Program]


@pytest.fixture
def call(bob: User, program_of: Programs) -> Program:
    """Give bob's program."""
    return program_of(bob)


@pytest.fixture
def place(bob: User, team: Team) -> Membership:
    """Give bob's place in the team."""
    return Membership.objects.select_related("team", "user").get(user=bob, team=team)


def test_a_deleted_run_looks_absent_everywhere_and_comes_back_whole(
    team: Team, bob: User, place: Membership, call: Program, client_for: ClientFor
) -> None:
    run = stored(team, bob, "canary", "canary", settings={"guided": False, "members": []})
    link = share_run(place, run, {"show": ["fused"]})
    star(bob, run)
    set_tags(place, run, ["ops"])
    indexed()
    browser = client_for(bob)
    assert Client().get(f"/s/{link.token}/").status_code == 200
    assert call("DELETE", f"runs/{run.pk}").status_code == 204
    for path in (f"/runs/{run.pk}/row/", f"/runs/{run.pk}/fused.md", f"/runs/{run.pk}/export.json"):
        assert browser.get(path).status_code == 404
    for path in (f"runs/{run.pk}", f"runs/{run.pk}/events", f"runs/{run.pk}/shares", f"runs/{run.pk}/steps"):
        assert call("GET", path).status_code == 404, path
    assert call("DELETE", f"runs/{run.pk}").status_code == 404
    assert Client().get(f"/s/{link.token}/").status_code == 404
    assert call("GET", "shares").json()["items"] == []
    assert (found(call, "canary"), found(call), found(call, tag="ops")) == ([], [], [])
    (gone,) = call("GET", "deleted").json()["items"]
    assert (gone["kind"], gone["id"], gone["name"], gone["by"]) == ("run", run.pk, "canary", "Bob")
    assert call("POST", f"deleted/{run.pk}/restore").status_code == 200
    assert call("POST", f"deleted/{run.pk}/restore").status_code == 404
    assert (found(call, "canary"), found(call, tag="ops", starred="true")) == ([run.pk], [run.pk])
    assert Client().get(f"/s/{link.token}/").status_code == 200


def test_who_may_delete_and_have_back(
    team: Team, bob: User, dave: User, charlie: User, program_of: Programs
) -> None:
    run = stored(team, bob, "canary")
    for user, status in ((charlie, 404), (dave, 403)):
        assert program_of(user)("DELETE", f"runs/{run.pk}").status_code == status
    assert Run.objects.filter(pk=run.pk).exists()
    program_of(bob)("DELETE", f"runs/{run.pk}")
    for user in (charlie, dave):
        assert program_of(user)("GET", "deleted").json()["items"] == []
        assert program_of(user)("POST", f"deleted/{run.pk}/restore").status_code == 404
    own = stored(team, dave, "mine")
    assert program_of(dave)("DELETE", f"runs/{own.pk}").status_code == 204
    assert program_of(dave)("POST", f"deleted/{own.pk}/restore").status_code == 200


def test_many_are_deleted_from_the_list_and_one_undo_has_them_back(
    team: Team, bob: User, charlie: User, client_for: ClientFor
) -> None:
    runs = [stored(team, bob, f"canary {n}") for n in range(3)]
    foreign = stored(charlie.personal_team, charlie, "foreign")
    browser = client_for(bob)
    chosen = [runs[0].pk, runs[1].pk, foreign.pk, "absent"]
    shown = browser.post("/runs/delete/", {"run": chosen, "back": "/runs/?q="}, follow=True).content.decode()
    assert "2 runs are deleted." in shown
    assert list(Run.objects.filter(team=team)) == [runs[2]]
    assert Run.objects.filter(pk=foreign.pk).exists()
    assert (
        f'name="id" value="{runs[0].pk} {runs[1].pk}"' in shown
        or f'value="{runs[1].pk} {runs[0].pk}"' in shown
    )
    undone = browser.post("/deleted/restore/", {"id": f"{runs[0].pk} {runs[1].pk} {foreign.pk}"}, follow=True)
    assert "2 runs are back." in undone.content.decode()
    assert Run.objects.filter(team=team).count() == 3
    assert (
        browser.post("/runs/delete/", {"run": chosen, "back": "https://evil.example/"})["Location"]
        == "/runs/"
    )


def test_the_bin_is_emptied_after_its_time_but_what_runs_cost_stays(
    team: Team, bob: User, place: Membership, call: Program
) -> None:
    now = timezone.now()
    run = stored(team, bob, "canary", "canary", cost_usd=Decimal("0.25"), cost_complete=True, opened_at=now)
    Comment.objects.create(run=run, person=bob, text="canary")
    Event.objects.create(run=run, seq=1, kind="run.accepted", data={"prompt": "canary"})
    keep_request(run, {"metadata": {"ticket": "canary"}})
    indexed()
    delete_runs(place, [run], now)
    assert empty_deleted(now + KEPT_FOR - timedelta(minutes=1)) == 0
    assert empty_deleted(now + KEPT_FOR + timedelta(minutes=1)) == 1
    assert empty_deleted(now + KEPT_FOR + timedelta(minutes=1)) == 0
    kept = Run.every.get(pk=run.pk)
    assert (kept.prompt, kept.settings, kept.is_emptied) == ("", {}, True)
    for model in (Answer, Fusion, Event, Comment, Document, Request):
        assert not model._default_manager.filter(run=run.pk).exists()
    assert monthly_money(team, now).spent_usd == Decimal("0.25")
    assert call("GET", "deleted").json()["items"] == []
    assert call("POST", f"deleted/{run.pk}/restore").status_code == 404


def test_a_connection_comes_back_with_its_key_for_a_week_and_nothing_uses_it_meanwhile(
    team: Team, alice: User, program_of: Programs
) -> None:
    owner, call = (
        Membership.objects.select_related("team", "user").get(user=alice, team=team),
        program_of(alice),
    )
    given = {"name": "Up", "kind": "openrouter", "api_key": "sk-secret-of-alice-1234"}
    row = save_connection(owner, given)
    sealed = row.sealed_key
    delete(owner, row)
    (end,) = Version.objects.filter(thing=row.pk, is_end=True)
    assert end.sealed_key == sealed
    assert "secret" not in str(call("GET", f"connections/{row.pk}/versions").content)
    assert sealed not in str(call("GET", f"connections/{row.pk}/versions/{end.number}").content)
    rotation = rotate_keys()
    assert (rotation.resealed + rotation.current, rotation.broken) == (1, [])
    end.refresh_from_db()
    assert call("POST", f"deleted/{row.pk}/restore").status_code == 200
    back = Connection.objects.get(pk=row.pk)
    assert (back.key_hint, back.state, back.sealed_key) == ("1234", "ready", end.sealed_key)
    assert not Version.objects.exclude(sealed_key="").exists()
    delete(owner, back)
    now = timezone.now()
    forget_deleted(now + KEYS_KEPT_FOR + timedelta(minutes=1))
    assert not Version.objects.exclude(sealed_key="").exists()
    assert call("POST", f"deleted/{row.pk}/restore").status_code == 200
    assert Connection.objects.get(pk=row.pk).state == "needs_key"


def test_a_preset_that_is_back_has_its_runs_again(
    team: Team, bob: User, place: Membership, call: Program
) -> None:
    preset = Preset.objects.filter(team=team).first()
    assert preset is not None
    named = {"id": preset.pk, "name": preset.name, "version": 1}
    run = stored(team, bob, "canary", preset=preset, pinned=dict.fromkeys(("preset", "pool", "judge"), named))
    delete(place, preset)
    run.refresh_from_db()
    assert run.preset is None
    assert call("POST", f"deleted/{preset.pk}/restore").status_code == 200
    assert found(call, preset=preset.pk) == [run.pk]


def test_all_kinds_are_undone_by_the_same_button(team: Team, bob: User, client_for: ClientFor) -> None:
    browser = client_for(bob)
    connection = Connection.objects.create(
        team=team, name="Up", kind="openai", base_url="https://api.example/v1"
    )
    pool = Pool.objects.create(team=team, name="Empty")
    judge = Judge.objects.create(team=team, name="Spare", connection=connection, model="m")
    first = Preset.objects.filter(team=team).first()
    assert first is not None
    for noun, row in (("preset", first), ("judge", judge), ("connection", connection)):
        shown = browser.post(f"/{noun}s/{row.pk}/delete/", follow=True).content.decode()
        assert f'name="id" value="{row.pk}"' in shown, noun
        assert not type(row)._default_manager.filter(pk=row.pk).exists()
        if noun != "judge":
            assert (
                f"The {noun} “{row.name}” is back."
                in browser.post("/deleted/restore/", {"id": row.pk}, follow=True).content.decode()
            )
    assert "Spare" in browser.get("/deleted/").content.decode()
    assert pool.name not in browser.get("/deleted/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_live_run_is_stopped_when_it_is_deleted(desk: Desk, upstream: Upstream, place: Membership) -> None:
    all_answer(upstream)
    run = desk.start("canary")
    delete_runs(place, [run], timezone.now())
    row = Run.every.get(pk=run.pk)
    assert row.cancel_requested


@pytest.mark.django_db(transaction=True)
def test_an_open_page_of_a_deleted_run_is_told(
    desk: Desk, place: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusion_site.ops.rounds.LOOK_S", 0.05)
    run, stays = desk.start("canary"), desk.start("stays")
    sockets = [socket_for(desk.person, each.pk) for each in (run, stays)]

    async def lose() -> Any:
        for socket in sockets:
            assert (await socket.connect(timeout=WITHIN_S))[0]
            await socket.receive_from(timeout=WITHIN_S)
        await sync_to_async(delete_runs)(place, [run], timezone.now())
        told = await sockets[0].receive_output(timeout=WITHIN_S)
        assert await sockets[1].receive_nothing(timeout=0.3)
        await sockets[1].disconnect()
        return told

    assert async_to_sync(lose)() == {"type": "websocket.close", "code": NOT_FOUND}
