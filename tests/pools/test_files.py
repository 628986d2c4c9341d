"""Pools, judges and presets as files: what leaves comes back the same, and what cannot be made is told by its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.models import Connection, Judge, Pool, Preset, Version
from tests.api.conftest import Program, program_of

__all__ = ["program_of"]

ROWS = (Connection, Pool, Judge, Preset, Version)


@pytest.fixture
def alices(program_of: Callable[[User | None], Program], alice: User) -> Program:
    """Give alice's program."""
    return program_of(alice)


@pytest.fixture
def charlies(program_of: Callable[[User | None], Program], charlie: User) -> Program:
    """Give the program of charlie, whose team has a connection to the same place and nothing else."""
    mine = Membership.objects.get(user=charlie)
    for model in (Preset, Judge, Pool, Connection):
        model.objects.filter(team=mine.team).delete()
    given = {
        "name": "Hosted",
        "kind": "openai",
        "base_url": "https://models.example.com/v1",
        "api_key": "sk-own-1",
    }
    save_connection(mine, given)
    return program_of(charlie)


@pytest.fixture
def full(place: Membership, connection: Connection) -> Preset:
    """Give a preset of which, and of whose pool and judge, every field is set."""
    own = {"connection": connection.pk, "model": "lab/alpha"}
    params = {
        "temperature": 0.5,
        "top_k": 40,
        "max_tokens": 900,
        "stop": ["END", "“”"],
        "reasoning_effort": "low",
    }
    member = {**own, "label": "A", "system": "Plan.\n\nThen act.", "aspect": "structure", "required": True}
    members = [{**member, "deadline_s": 12.5, "params": params}, own]
    pool = save_pool(place, {"name": "Full pool", "zero_retention": True, "members": members})
    others = {"fallback_connection": connection.pk, "fallback_model": "lab/b", "second_model": "lab/c"}
    criteria = [{"name": "True", "description": "Says what is so.", "weight": 2.5}]
    judge = {
        "name": "Full judge",
        **own,
        **others,
        "criteria": criteria,
        "instructions": "Be\nstrict.",
        "swap_check": False,
    }
    limits = {"quorum": 2, "grace": 3.0, "deadline_s": 60.0, "debate_rounds": 2, "budget_usd": "0.25"}
    given = {
        "name": "Full",
        "slug": "full-one",
        "mode": "debate",
        "do_no_harm": True,
        "guided": True,
        **limits,
    }
    given |= {"template": "Of {{topic}}:\n{{prompt}}", "pool": pool.pk, "judge": save_judge(place, judge).pk}
    return save_preset(place, given)


def kept() -> list[Any]:
    """Give all that this room keeps."""
    return [list(model._default_manager.order_by("pk").values()) for model in ROWS]


def test_what_leaves_comes_back_the_same(alices: Program, charlies: Program, full: Preset) -> None:
    told = alices("GET", f"presets/{full.pk}/export")
    assert b"sk-" not in told.content
    assert all(
        row.pk.encode() not in told.content for row in (full, full.pool, full.judge, full.judge.connection)
    )
    file = told.json()
    answer = charlies.made("import", {"file": file})
    assert [(each["kind"], each["name"], each["slug"]) for each in answer["made"]] == [
        ("pool", "Full pool", None),
        ("judge", "Full judge", None),
        ("preset", "Full", "full-one"),
    ]
    made = answer["made"][-1]["id"]
    assert charlies("GET", f"presets/{made}/export").json() == file
    assert charlies("GET", "export").json() == file


def test_all_of_a_team_leaves_and_two_of_one_name_are_told_apart(
    alices: Program, charlies: Program, full: Preset, place: Membership, connection: Connection
) -> None:
    save_pool(place, {"name": "Full pool", "members": [{"connection": connection.pk, "model": "other"}]})
    for model in (Preset, Judge, Pool):
        model.objects.filter(team=place.team, name__startswith="Rehearsal").delete()
    file = alices("GET", "export").json()
    assert sorted(each["name"] for each in file["pools"]) == ["Full pool", "Full pool 2"]
    charlies.made("import", {"file": file})
    assert charlies("GET", "export").json() == file


def test_names_and_slugs_that_are_taken_get_numbers(alices: Program, full: Preset, team: Team) -> None:
    file = alices("GET", f"presets/{full.pk}/export").json()
    made = alices.made("import", {"file": file})["made"]
    assert [(each["was"], each["name"]) for each in made] == [
        ("Full pool", "Full pool 2"),
        ("Full judge", "Full judge 2"),
        ("Full", "Full 2"),
    ]
    again = Preset.objects.get(pk=made[-1]["id"])
    assert (again.slug, again.pool.name, again.judge.name) == ("full-one-2", "Full pool 2", "Full judge 2")
    assert Version.objects.get(thing=again.pk).note == "From a file"


def test_a_dry_run_tells_all_and_makes_nothing(alices: Program, full: Preset) -> None:
    file, before = alices("GET", f"presets/{full.pk}/export").json(), kept()
    answer = alices("POST", "import", {"file": file, "dry_run": True})
    assert answer.status_code == 200
    assert [each["name"] for each in answer.json()["made"]] == ["Full pool 2", "Full judge 2", "Full 2"]
    assert {each["id"] for each in answer.json()["made"]} == {None}
    assert kept() == before


def test_a_connection_that_is_missing_has_to_be_chosen(
    alices: Program, charlies: Program, full: Preset, charlie: User
) -> None:
    own = Connection.objects.get(team=charlie.personal_team)
    save_connection(Membership.objects.get(user=charlie), {"base_url": "https://other.example.com/v1"}, own)
    file, before = alices("GET", f"pools/{full.pool_id}/export").json(), kept()
    looked = charlies("POST", "import", {"file": file, "dry_run": True}).json()
    assert looked["connections"] == [
        {"name": "Hosted", "kind": "openai", "base_url": "https://models.example.com/v1", "connection": None}
    ]
    refused = charlies("POST", "import", {"file": file})
    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == ["connections.0"]
    foreign = charlies("POST", "import", {"file": file, "connections": {"Hosted": full.judge.connection_id}})
    assert foreign.json()["error"]["fields"] == {"connections.0": ["There is no such connection."]}
    assert kept() == before
    made = charlies.made("import", {"file": file, "connections": {"Hosted": own.pk}})["made"]
    assert {member.connection_id for member in Pool.objects.get(pk=made[0]["id"]).members.all()} == {own.pk}


def test_one_fault_and_nothing_is_made(alices: Program, full: Preset) -> None:
    file, before = alices("GET", f"presets/{full.pk}/export").json(), kept()
    file["pools"][0]["members"][1]["params"] = {"temperature": 9}
    file["presets"][0]["quorum"] = "many"
    file["judges"][0]["criteria"][0]["weight"] = -1
    fields = alices("POST", "import", {"file": file}).json()["error"]["fields"]
    assert sorted(fields) == ["judges.0.criteria.0.weight", "pools.0.members.1.params.temperature"]
    file["pools"][0]["members"][1]["params"] = {}
    file["judges"][0]["criteria"][0]["weight"] = 1
    fields = alices("POST", "import", {"file": file}).json()["error"]["fields"]
    assert fields == {"presets.0.quorum": ["Enter a whole number."]}
    assert kept() == before


HEAD = {"format": "fusion", "version": 1}


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ({}, "format"),
        ({"format": "other"}, "format"),
        ({"format": "fusion", "version": 2}, "version"),
        (HEAD, "file"),
        ({**HEAD, "pools": {}}, "pools"),
        ({**HEAD, "pools": [1]}, "pools"),
        ({**HEAD, "pools": [{}] * 501}, "pools"),
        ({**HEAD, "pools": [{}]}, "pools.0.name"),
        ({**HEAD, "pools": [{"name": {}}]}, "pools.0.name"),
        ({**HEAD, "pools": [{"name": "a", "members": []}, {"name": "a"}]}, "pools.1.name"),
        ({**HEAD, "pools": [{"name": "a", "members": 3}]}, "pools.0.members"),
        ({**HEAD, "pools": [{"name": "a", "members": [3]}]}, "pools.0.members"),
        ({**HEAD, "pools": [{"name": "a", "members": [{"connection": []}]}]}, "pools.0.members.0.connection"),
        (
            {**HEAD, "pools": [{"name": "a", "members": [{"connection": "b"}]}]},
            "pools.0.members.0.connection",
        ),
        ({**HEAD, "pools": [{"name": "a", "id": "b"}]}, "pools.0.id"),
        ({**HEAD, "judges": [{"name": "a", "connection": "b"}]}, "judges.0.connection"),
        ({**HEAD, "judges": [{"name": "a\ud800"}]}, ""),
        ({**HEAD, "presets": [{"name": "a", "pool": "b"}]}, "presets.0.pool"),
        ({**HEAD, "presets": [{"name": "a", "slug": [1]}]}, "presets.0.slug"),
        ({**HEAD, "presets": [{"name": "a", "slug": "No Slug"}]}, "presets.0.slug"),
        (
            {**HEAD, "connections": [{"name": "a", "api_key": "sk"}], "pools": [{"name": "a"}]},
            "connections.0.api_key",
        ),
        ({**HEAD, "extra": 1}, "extra"),
    ],
)
def test_garbage_is_told_by_its_place(alices: Program, file: Any, place: str) -> None:
    before = kept()
    answer = alices("POST", "import", {"file": file})
    if not place:
        assert answer.status_code == 400, "no JSON at all"
    else:
        assert answer.status_code == 422, answer.content
        assert place in answer.json()["error"]["fields"]
    assert kept() == before


def test_a_viewer_exports_but_does_not_import(
    program_of: Callable[[User | None], Program], dave: User, full: Preset
) -> None:
    program = program_of(dave)
    file = program("GET", f"judges/{full.judge_id}/export").json()
    assert program("POST", "import", {"file": file}).status_code == 403


def test_by_pages_a_file_is_looked_at_and_then_made(
    client_for: Callable[[User | None], Client], alice: User, full: Preset, team: Team
) -> None:
    browser = client_for(alice)
    told = browser.get(f"/presets/{full.pk}/export/")
    assert told["Content-Disposition"] == 'attachment; filename="fusion-preset-full.json"'
    before = kept()
    looked = browser.post("/import/", {"file": SimpleUploadedFile("a.json", told.content), "do": "look"})
    page = looked.content.decode()
    assert "renamed: “Full pool” is taken" in page
    assert "fusion/full-one-2" in page
    assert kept() == before
    text = looked.context["text"]
    made = browser.post("/import/", {"text": text.replace("\n", "\r\n"), "do": "make"})
    assert made["Location"] == "/presets/"
    assert Preset.objects.filter(team=team, name="Full 2").exists()


def test_by_pages_a_connection_is_chosen_and_faults_are_told(
    client_for: Callable[[User | None], Client], alice: User, full: Preset, connection: Connection
) -> None:
    browser = client_for(alice)
    file = json.loads(browser.get(f"/pools/{full.pool_id}/export/").content)
    file["connections"][0]["base_url"] = "https://gone.example.com/v1"
    sent, before = {"text": json.dumps(file)}, kept()
    looked = browser.post("/import/", {**sent, "do": "look"})
    assert "No connection of this team leads there" in looked.content.decode()
    refused = browser.post("/import/", {**sent, "do": "make"})
    assert refused.status_code == 422
    assert "Choose one to stand in." in refused.content.decode()
    assert kept() == before
    assert browser.post("/import/", {**sent, "do": "make", "use.0": connection.pk}).status_code == 302
    assert Pool.objects.filter(team=full.team, name="Full pool 2").exists()
    for text, said in (
        ("{\n  oops", "line 2, column 3"),
        ('{"format": "fusion", "version": 1, "presets": [{"name": "a"}]}', "presets › 0 › pool"),
        ("  ", "Choose a file"),
    ):
        page = browser.post("/import/", {"text": text, "do": "look"})
        assert page.status_code == 422
        assert said in page.content.decode()
    binary = browser.post("/import/", {"file": SimpleUploadedFile("a.json", b"\xff\xfe\x00"), "do": "look"})
    assert "no text in UTF-8" in binary.content.decode()
