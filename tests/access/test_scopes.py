"""Scopes at every door for programs: an owner's token that lacks the one that is needed is refused before anything is looked up."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.models import Team, User
from fusion_site.accounts.tokens import make_token
from tests.access.doors import Door, all_doors
from tests.access.rules import NOTHING, OPEN, RULES, UNTAKEN
from tests.access.scene import ABSENT, ABSENT_NUMBER, NO_OBJECT, undone

DOORS = [
    door
    for door in all_doors()
    if door.surface != "page"
    and RULES[str(door)] not in (NOTHING, OPEN, UNTAKEN)
    and door.path != "/api/v1/me"
]


def is_about_runs(door: Door) -> bool:
    """Whether the door starts, follows or steers runs; to share one is more than that."""
    below = door.path.removeprefix("/api/v1/").split("/")
    return below[0] == "runs" and "shares" not in below


def opens(scope: str, door: Door) -> bool:
    """Whether a token with this scope alone may pass, as docs/api.md says."""
    is_reading = door.method == "GET"
    if door.surface == "v1":
        return scope == ("read" if is_reading else "run")
    if is_about_runs(door):
        return scope == "run" or (scope == "read" and is_reading)
    return scope == ("read" if is_reading else "manage")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", ["read", "run", "manage"])
def test_every_door_for_programs_wants_its_scope(alice: User, team: Team, scope: str) -> None:
    token = make_token(alice, team, "scoped", scopes=[scope])[1]
    assert len(DOORS) > 60
    wrong = [str(door) for door in DOORS if _is_refused_for_its_scope(door, token) is opens(scope, door)]
    assert wrong == []


def _is_refused_for_its_scope(door: Door, token: str) -> bool:
    nothing = {**NO_OBJECT, "session_id": ABSENT_NUMBER}
    path = door.path.format(**{part: nothing.get(part, ABSENT) for part in door.parts})
    bearer: Any = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    with undone():
        response = Client().generic(door.method, path, "{}", "application/json", **bearer)
    if response.status_code != 403:
        return False
    return "lacks the scope" in response.content.decode()
