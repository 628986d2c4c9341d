"""Every error has one form, whatever went wrong and wherever."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.engine.asking import ErrorKind
from tests.api.conftest import Program


def error_of(response: Any, status: int) -> Any:
    """Give the error of a response, which must have the one form that errors have."""
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"kind", "message", "fields"}
    assert body["error"]["kind"] in set(ErrorKind)
    assert body["error"]["message"]
    return body["error"]


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", "Basic YTpi", "bearer  ", "Bearer \u00e9"]
)
def test_without_a_valid_token_there_is_nothing(team: Team, header: str | None) -> None:
    headers = {} if header is None else {"HTTP_AUTHORIZATION": header}
    response = Program(None)("GET", "pools", **headers)
    assert error_of(response, 401)["kind"] == "auth"
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_session_is_no_token(alice: User, client_for: Callable[[User], Any]) -> None:
    assert client_for(alice).get("/api/v1/pools").status_code == 401


def test_who_left_the_team_or_was_locked_has_no_token(
    team: Team, bob: User, program_of: Callable[[User], Program]
) -> None:
    call = program_of(bob)
    assert call("GET", "me").status_code == 200
    place = Membership.objects.get(user=bob, team=team)
    place.delete()
    error_of(call("GET", "me"), 401)
    place.save(force_insert=True)
    assert call("GET", "me").status_code == 200
    User.objects.filter(pk=bob.pk).update(is_active=False)
    error_of(call("GET", "me"), 401)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing",
        "pools/",
        "pools/none",
        "pools/none/members",
        "/api/v1/pools/a/b/c",
        "openapi.yaml",
        "pools/%00",
    ],
)
def test_nothing_is_there(call: Program, path: str) -> None:
    assert error_of(call("GET", path), 404)["kind"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "pools", {"GET", "POST"}),
        ("DELETE", "pools", {"GET", "POST"}),
        ("POST", "pools/x", {"GET", "PATCH", "DELETE"}),
        ("POST", "me", {"GET", "PATCH"}),
        ("GET", "connections/x/check", {"POST"}),
    ],
)
def test_other_methods_name_those_that_are_taken(
    call: Program, method: str, path: str, allowed: set[str]
) -> None:
    response = call(method, path)
    error_of(response, 405)
    assert set(response["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff\xfe", b'{"name": NaN}', b'{"name": "\\ud800"}', b"[" * 100_000, b"{'a': 1}"]
)
def test_a_body_that_is_no_json(call: Program, body: bytes) -> None:
    response = call("POST", "pools", body)
    error_of(response, 422 if not body else 400)


@pytest.mark.parametrize("body", [[], 5, "text", None])
def test_a_body_that_is_no_object(call: Program, body: object) -> None:
    assert error_of(call("POST", "pools", json.dumps(body)), 422)["message"]


def test_text_that_cannot_be_stored_is_a_complaint(call: Program) -> None:
    assert error_of(call("POST", "pools", b'{"name": "a\\u0000b"}'), 422)["fields"]["name"]


def test_a_body_that_is_too_large(call: Program, settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert error_of(call("POST", "pools", {"name": "x" * 2000}), 413)["kind"] == "too_large"


def test_too_many_calls_say_when_to_come_back(alice: User, team: Team, settings: LazySettings) -> None:
    settings.FUSION_CALLS_PER_MINUTE = 2
    call = Program(make_token(alice, team, "busy")[1])
    assert [call("GET", "me").status_code for _ in range(2)] == [200, 200]
    response = call("GET", "me")
    assert error_of(response, 429)["kind"] == "rate_limit"
    assert 1 <= int(response["Retry-After"]) <= 30
    other = Program(make_token(alice, team, "calm")[1])
    assert other("GET", "me").status_code == 200, "the limit is each token's own"


def test_viewers_read_and_change_nothing(dave: User, program_of: Callable[[User], Program]) -> None:
    call = program_of(dave)
    pool = call("GET", "pools").json()["items"][0]
    for response in (
        call("PATCH", f"pools/{pool['id']}", {"name": "Mine"}),
        call("DELETE", f"pools/{pool['id']}"),
        call("POST", "pools", {"name": "Mine"}),
    ):
        assert error_of(response, 403)["kind"] == "permission"
    assert call("GET", f"pools/{pool['id']}").json() == pool


def test_a_fault_of_the_site_is_json_without_a_trace(call: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 1234")

    monkeypatch.setattr("fusion_site.api.pools.save_pool", broken)
    response = call("POST", "pools", {"name": "x"})
    assert error_of(response, 500)["kind"] == "server"
    assert b"1234" not in response.content


def test_a_database_that_does_not_serve_is_said_to_be_away(
    call: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("connection to 10.0.0.1 refused")

    monkeypatch.setattr("fusion_site.api.pools.save_pool", away)
    response = call("POST", "pools", {"name": "x"})
    assert error_of(response, 503)["kind"] == "overloaded"
    assert int(response["Retry-After"]) > 0
    assert b"10.0.0.1" not in response.content


def test_an_upstream_that_fails_keeps_its_kind(call: Program) -> None:
    made = call.made("connections", {"name": "OR", "kind": "openrouter"})
    response = call("GET", f"connections/{made['id']}/models")
    assert error_of(response, 502)["kind"] == "auth"
    checked = call("POST", f"connections/{made['id']}/check")
    assert checked.status_code == 200
    assert (checked.json()["ok"], checked.json()["error"]["kind"]) == (False, "auth")


def test_the_openapi_document_describes_every_door_and_its_errors(team: Team) -> None:
    response = Program(None)("GET", "openapi.json")
    assert response.status_code == 200
    document = response.json()
    for path in (
        "me",
        "connections",
        "connections/{connection_id}/check",
        "pools/{pool_id}",
        "judges",
        "presets",
    ):
        assert f"/api/v1/{path}" in document["paths"]
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert all(each["responses"]["default"] for each in operations)
    assert document["components"]["schemas"]["NewPool"]["required"] == ["name", "members"]
    assert (
        "rehearsal"
        not in document["components"]["schemas"]["NewConnection"]["properties"]["kind"]["anyOf"][0]["enum"]
    )
    named = set(document["components"]["schemas"])
    used = {part.split("/")[-1] for part in _references(document)}
    assert used <= named


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for below in value.values() for ref in _references(below)]
    return [ref for below in value for ref in _references(below)] if isinstance(value, list) else []
