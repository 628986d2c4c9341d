"""Connections, pools, judges and presets by REST: names and shapes exactly as DESIGN.md section 10 has them."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.accounts.models import Team
from tests.api.conftest import Program

HOSTED = {
    "name": "Hosted",
    "kind": "openai",
    "base_url": "https://models.example.com/v1",
    "api_key": "sk-abc-1234",
}


@pytest.fixture
def things(call: Program, rehearsal: str) -> dict[str, Any]:
    """Make one of each and give them by their paths."""
    member = {"connection": rehearsal, "model": "rehearsal/planner"}
    connection = call.made("connections", HOSTED)
    pool = call.made("pools", {"name": "Pair", "members": [member, member]})
    judge = call.made("judges", {"name": "Strict", "connection": rehearsal, "model": "rehearsal/judge"})
    preset = call.made("presets", {"name": "Review it", "pool": pool["id"], "judge": judge["id"]})
    return {"connections": connection, "pools": pool, "judges": judge, "presets": preset}


def test_me_is_the_person_in_the_one_team_of_the_token(call: Program, team: Team) -> None:
    me = call("GET", "me").json()
    assert set(me.pop("token")) == {"name", "scopes", "expires_at"}
    assert me == {
        "email": "alice@example.com",
        "name": "Alice",
        "team": {"slug": team.slug, "name": "Alpha", "role": "owner"},
    }


def test_shapes(things: dict[str, Any], rehearsal: str) -> None:
    dates = {"created_at", "updated_at"}
    connection = {name: value for name, value in things["connections"].items() if name not in dates}
    assert connection == {
        "id": connection["id"],
        "name": "Hosted",
        "kind": "openai",
        "base_url": "https://models.example.com/v1",
        "key_hint": "1234",
        "state": "ready",
        "parallel": 8,
        "rehearsal": False,
        "checked_at": None,
        "check_error": None,
    }
    assert things["pools"]["zero_retention"] is False
    assert things["pools"]["members"][1] == {
        "connection": rehearsal,
        "model": "rehearsal/planner",
        "label": "",
        "system": "",
        "aspect": "",
        "required": False,
        "deadline_s": None,
        "params": {},
    }
    judge = {name: value for name, value in things["judges"].items() if name not in dates | {"id", "version"}}
    assert judge == {
        "name": "Strict",
        "connection": rehearsal,
        "model": "rehearsal/judge",
        "fallback_connection": None,
        "fallback_model": None,
        "second_connection": None,
        "second_model": None,
        "criteria": [],
        "instructions": "",
        "swap_check": True,
    }
    preset = {
        name: value for name, value in things["presets"].items() if name not in dates | {"id", "version"}
    }
    assert preset == {
        "name": "Review it",
        "slug": "review-it",
        "pool": things["pools"]["id"],
        "judge": things["judges"]["id"],
        "mode": "merge",
        "quorum": None,
        "grace": 2.0,
        "deadline_s": 300.0,
        "debate_rounds": 1,
        "budget_usd": None,
        "do_no_harm": False,
        "guided": False,
        "template": "",
        "is_default": False,
    }


@pytest.mark.parametrize("kind", ["connections", "pools", "judges", "presets"])
def test_the_life_of_a_thing(call: Program, things: dict[str, Any], kind: str) -> None:
    thing = things[kind]
    path = f"{kind}/{thing['id']}"
    assert call("GET", path).json() == thing
    assert thing in call("GET", kind).json()["items"]
    changed = call("PATCH", path, {"name": "Other"})
    assert changed.status_code == 200
    told = {**changed.json(), "updated_at": ""}
    assert told == {
        **thing,
        "name": "Other",
        "updated_at": "",
        **({"version": 2} if "version" in thing else {}),
    }
    copy = call("POST", f"{path}/duplicate")
    assert (copy.status_code, copy.json()["name"]) == (201, "Other (copy)")
    deleted = call("DELETE", f"{kind}/{copy.json()['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert call("GET", f"{kind}/{copy.json()['id']}").status_code == 404


def test_a_key_is_never_returned(call: Program, things: dict[str, Any]) -> None:
    path = f"connections/{things['connections']['id']}"
    told = [call("GET", path), call("GET", "connections"), call("PATCH", path, {"api_key": "sk-new-9876"})]
    told.append(call("PATCH", path, {"base_url": "http://bad", "api_key": "sk-other-5555"}))
    assert [b"sk-" in response.content for response in told] == [False] * 4
    assert call("GET", path).json()["key_hint"] == "9876"


def test_another_origin_needs_the_key_again(call: Program, things: dict[str, Any]) -> None:
    path = f"connections/{things['connections']['id']}"
    moved = call("PATCH", path, {"base_url": "https://other.example.com/v1"}).json()
    assert (moved["key_hint"], moved["state"]) == (None, "needs_key")


def test_kinds_of_connections(call: Program) -> None:
    assert (
        call.made("connections", {"name": "OR", "kind": "openrouter"})["base_url"]
        == "https://openrouter.ai/api/v1"
    )
    assert call.made("connections", {"name": "Here", "kind": "compact"})["base_url"] is None
    refused = call("POST", "connections", {"name": "Stage", "kind": "rehearsal"})
    assert refused.status_code == 422
    assert refused.json()["error"]["fields"] == {"kind": ["Choose one of: openrouter, openai, compact."]}


def test_zero_retention_is_set_kept_copied_and_taken_back(call: Program, things: dict[str, Any]) -> None:
    path = f"pools/{things['pools']['id']}"
    assert call("PATCH", path, {"zero_retention": True}).json()["zero_retention"] is True
    assert call("PATCH", path, {"name": "Discreet"}).json()["zero_retention"] is True
    assert call("POST", f"{path}/duplicate").json()["zero_retention"] is True
    assert call("PATCH", path, {"zero_retention": None}).json()["zero_retention"] is False
    refused = call("PATCH", path, {"zero_retention": "perhaps"})
    assert refused.json()["error"]["fields"] == {"zero_retention": ["Say true or false."]}


def test_null_means_default(call: Program, things: dict[str, Any]) -> None:
    names = [
        "slug",
        "mode",
        "quorum",
        "grace",
        "deadline_s",
        "debate_rounds",
        "budget_usd",
        "do_no_harm",
        "guided",
        "template",
    ]
    given = {"name": "Review it", "pool": things["pools"]["id"], "judge": things["judges"]["id"]}
    made = call.made("presets", {**dict.fromkeys(names), **given})
    same = {"id", "slug", "created_at", "updated_at"}
    assert {k: v for k, v in made.items() if k not in same} == {
        k: v for k, v in things["presets"].items() if k not in same
    }
    path = f"presets/{made['id']}"
    assert call("PATCH", path, {"grace": 3, "mode": "debate"}).json()["grace"] == 3.0
    back = call("PATCH", path, {"grace": None, "mode": None}).json()
    assert (back["grace"], back["mode"]) == (2.0, "merge")


@pytest.mark.parametrize(("sent", "read"), [("0.50", "0.5"), (1, "1"), (0.1, "0.1"), ("0", "0")])
def test_money_is_a_decimal_string(call: Program, things: dict[str, Any], sent: object, read: str) -> None:
    path = f"presets/{things['presets']['id']}"
    assert call("PATCH", path, {"budget_usd": sent}).json()["budget_usd"] == read
    assert call("GET", path).json()["budget_usd"] == read


def test_what_is_used_answers_409_and_says_by_what(
    call: Program, things: dict[str, Any], rehearsal: str
) -> None:
    for path, word in (
        (f"pools/{things['pools']['id']}", "preset “Review it”"),
        (f"judges/{things['judges']['id']}", "preset “Review it”"),
        (f"connections/{rehearsal}", "pool “Pair”"),
    ):
        response = call("DELETE", path)
        assert response.status_code == 409
        assert word in response.json()["error"]["message"]
        assert call("GET", path).status_code == 200


@pytest.mark.parametrize(
    ("kind", "body", "fields"),
    [
        ("pools", {}, {"name": ["This field is required."], "members": ["A pool needs at least one member."]}),
        ("pools", {"name": "x", "members": [{}]}, {"members.0.connection": ["This field is required."], "members.0.model": ["This field is required."]}),
        ("pools", {"name": 7}, {"name": ["Enter text."]}),
        ("pools", {"members": {}}, {"members": ["Give a list."]}),
        ("pools", {"members": ["x"]}, {"members.0": ["Give an object with named fields."]}),
        ("pools", {"nmae": "x"}, {"nmae": ["There is no such field."]}),
        ("presets", {"quorum": 1.5}, {"quorum": ["Enter a whole number."]}),
        ("presets", {"grace": "long"}, {"grace": ["Enter a number."]}),
        ("presets", {"mode": "vote"}, {"mode": ["Choose one of: best_of, merge, debate."]}),
        ("presets", {"do_no_harm": "perhaps"}, {"do_no_harm": ["Say true or false."]}),
        ("presets", {"budget_usd": "lots"}, {"budget_usd": ["Enter an amount in US dollars, such as 0.50."]}),
        ("judges", {"criteria": [{"name": "A", "weight": "x"}]}, {"criteria.0.weight": ["Enter a number."]}),
        ("connections", {"name": "x", "kind": "openai", "base_url": 5}, {"base_url": ["Enter text."]}),
    ],
)  # fmt: skip
def test_complaints_are_those_of_the_forms(
    call: Program, kind: str, body: Any, fields: dict[str, list[str]]
) -> None:
    response = call("POST", kind, body)
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["fields"] == fields
    assert error["kind"] == "bad_request"


def test_a_deep_complaint_names_its_path(call: Program, rehearsal: str) -> None:
    member = {"connection": rehearsal, "model": "m", "params": {"temperature": 3, "stop": ["a"] * 5}}
    response = call("POST", "pools", {"name": "x", "members": [{**member, "params": {}}, member]})
    assert set(response.json()["error"]["fields"]) == {
        "members.1.params.temperature",
        "members.1.params.stop",
    }
