"""What a token may do by its scopes: each door asks for one, and says which is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

import pytest
from django.urls import URLPattern
from django.utils import timezone

from fusion_site.accounts.models import ApiToken, Team, User
from fusion_site.accounts.tokens import holder, make_token
from fusion_site.api import urls
from fusion_site.api.doors import api
from fusion_site.api.scopes import scopes_for
from fusion_site.pools.models import Pool
from tests.api.conftest import Program

ALL = {"run", "read", "manage"}


def program(user: User, team: Team, *scopes: str) -> Program:
    """Give a program of the person in the team with these scopes only."""
    return Program(make_token(user, team, "scoped", scopes=scopes)[1])


def refused(response: Any, scope: str) -> bool:
    """Whether it is the typed refusal that names the scope."""
    error = response.json()["error"]
    return bool(
        response.status_code == 403
        and error["kind"] == "permission"
        and error["message"] == f"This token lacks the scope `{scope}`."
        and error["fields"] == {}
    )


def test_a_reading_token_reads_and_does_nothing_else(alice: User, team: Team) -> None:
    reader = program(alice, team, "read")
    for path in ("connections", "pools", "judges", "presets", "runs", "team", "me"):
        assert reader("GET", path).status_code == 200, path
    assert refused(reader("POST", "runs", {"preset": "any", "prompt": "?"}), "run")
    assert refused(reader("POST", "pools", {"name": "Pair", "members": []}), "manage")
    assert refused(reader("PATCH", "team", {"budget_usd": "1"}), "manage")
    assert not Pool.objects.filter(name="Pair").exists()


def test_a_running_token_starts_and_follows_runs_but_sees_and_changes_nothing_else(
    alice: User, team: Team, rehearsal: str
) -> None:
    manager = program(alice, team, "manage", "run")
    member = {"connection": rehearsal, "model": "rehearsal/planner"}
    pool = manager.made("pools", {"name": "Pair", "members": [member, member]})
    judge = manager.made("judges", {"name": "Strict", "connection": rehearsal, "model": "rehearsal/judge"})
    preset = manager.made("presets", {"name": "Quick", "pool": pool["id"], "judge": judge["id"]})
    runner = program(alice, team, "run")
    run = runner.made("runs", {"preset": preset["slug"], "prompt": "Which?"})
    assert runner("GET", f"runs/{run['id']}").status_code == 200
    assert runner("POST", f"runs/{run['id']}/cancel").status_code == 202
    assert refused(runner("GET", "pools"), "read")
    assert refused(runner("DELETE", f"pools/{pool['id']}"), "manage")
    assert refused(manager("GET", "pools"), "read"), "who may manage does not read by that"


def test_any_token_asks_who_it_is_and_is_told_what_it_may_and_until_when(alice: User, team: Team) -> None:
    for scope in sorted(ALL):
        me = program(alice, team, scope)("GET", "me").json()
        assert me["token"]["scopes"] == [scope]
        assert me["token"]["expires_at"] is not None


def test_a_scope_does_not_lift_a_role(dave: User, team: Team) -> None:
    assert program(dave, team, "manage")("POST", "pools", {"name": "Mine"}).status_code in {404, 403}
    assert not Pool.objects.filter(name="Mine").exists()


def test_every_door_asks_for_a_scope() -> None:
    """A new room is closed to tokens without `manage` until somebody decides otherwise."""
    routes = [each for each in urls._patterns if isinstance(each, URLPattern)]
    assert len(routes) > 20
    for path, item in api.get_openapi_schema()["paths"].items():
        for method in item:
            wanted = scopes_for(method.upper(), path)
            assert wanted, path
            if method != "get" and not path.startswith("/api/v1/runs"):
                assert wanted == ["manage"], (method, path)


def test_a_token_from_before_scopes_may_do_all_and_does_not_expire(alice: User, team: Team) -> None:
    text = "fus_from-before"
    row = ApiToken.objects.create(
        user=alice, team=team, name="old", digest=ApiToken.digest_of(text), hint="fus_…fore"
    )
    assert set(row.scopes) == ALL
    assert row.expires_at is None
    assert Program(text)("GET", "pools").status_code == 200


def test_an_expired_token_is_as_good_as_none(alice: User, team: Team) -> None:
    made, text = make_token(alice, team, "short", days=1)
    assert holder(text) is not None
    ApiToken.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert holder(text) is None
    gone, never = Program(text)("GET", "me"), Program("fus_never")("GET", "me")
    assert gone.status_code == 401
    assert gone.json() == never.json()


@pytest.mark.parametrize("scopes", [(), ("write",), ("read", "admin")])
def test_a_token_without_a_scope_or_with_an_unknown_one_is_not_made(
    scopes: Collection[str], alice: User, team: Team
) -> None:
    with pytest.raises(ValueError, match="scope"):
        make_token(alice, team, "odd", scopes=scopes)
    assert not ApiToken.objects.exists()


def test_it_is_good_for_a_year_unless_told_otherwise(
    alice: User, team: Team, program_of: Callable[[User | None], Program]
) -> None:
    year, _ = make_token(alice, team, "year")
    assert year.expires_at is not None
    assert timedelta(days=364) < year.expires_at - timezone.now() < timedelta(days=366)
    with pytest.raises(ValueError, match="day"):
        make_token(alice, team, "none", days=0)
