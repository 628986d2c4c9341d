"""One's own tokens through their door, and what every answer says about the calls that are left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fusion_site.accounts.models import ApiToken, Team, User
from fusion_site.accounts.tokens import make_token
from tests.api.conftest import Program

ProgramOf = Callable[[User | None], Program]


def test_a_program_lists_and_revokes_its_persons_tokens(call: Program, alice: User, team: Team) -> None:
    row, text = make_token(alice, team, "build server", scopes=["run"])
    items = call("GET", "tokens").json()["items"]
    assert [(each["name"], each["is_this"]) for each in items] == [("build server", False), ("test", True)]
    assert items[0]["scopes"] == ["run"]
    assert text not in call("GET", f"tokens/{row.pk}").content.decode()
    assert call("DELETE", f"tokens/{row.pk}").status_code == 204
    assert Program(text)("GET", "me").status_code == 401
    assert call("GET", f"tokens/{row.pk}").status_code == 404


def test_a_token_may_revoke_itself(call: Program) -> None:
    own = call("GET", "tokens").json()["items"][0]["id"]
    assert call("DELETE", f"tokens/{own}").status_code == 204
    assert call("GET", "me").status_code == 401


def test_tokens_of_others_and_of_ones_other_teams_are_not_there(
    call: Program, alice: User, bob: User, charlie: User, team: Team
) -> None:
    elsewhere = make_token(alice, Team.objects.get(personal_of=alice), "own team")[0]
    others = [make_token(bob, team, "bob")[0], elsewhere]
    others.append(make_token(charlie, Team.objects.get(personal_of=charlie), "charlie")[0])
    assert [each["name"] for each in call("GET", "tokens").json()["items"]] == ["test"]
    absent = call("GET", "tokens/absent").content
    for token in others:
        for method in ("GET", "DELETE"):
            answer = call(method, f"tokens/{token.pk}")
            assert (answer.status_code, answer.content) == (404, absent)
    assert ApiToken.objects.filter(pk__in=[each.pk for each in others]).count() == 3


def test_tokens_come_a_page_at_a_time(call: Program, alice: User, team: Team) -> None:
    for number in range(3):
        make_token(alice, team, str(number))
    first = call("GET", "tokens?limit=3").json()
    second = call("GET", f"tokens?limit=3&cursor={first['next']}").json()
    assert [each["name"] for each in first["items"] + second["items"]] == ["2", "1", "0", "test"]
    assert second["next"] is None


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/runs/absent", "/v1/models", "/v1/models/absent"])
def test_every_answer_tells_the_calls_that_are_left(call: Program, path: str, settings: Any) -> None:
    settings.FUSION_CALLS_PER_MINUTE = 3
    answers = [call("GET", path) for _ in range(4)]
    assert [each["x-ratelimit-remaining-requests"] for each in answers] == ["2", "1", "0", "0"]
    assert {each["x-ratelimit-limit-requests"] for each in answers} == {"3"}
    assert answers[3].status_code == 429
    resets = [float(each["x-ratelimit-reset-requests"].removesuffix("s")) for each in answers]
    assert resets[:3] == pytest.approx([20, 40, 60], abs=5)


@pytest.mark.django_db
def test_nobody_is_told_of_anybodys_calls() -> None:
    for path in ("/api/v1/me", "/v1/models"):
        assert not any("ratelimit" in name.lower() for name in Program(None)("GET", path).headers)
