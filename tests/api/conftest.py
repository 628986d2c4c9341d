"""Programs that call the doors: one function per request, with the token of whoever calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.models import Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.pools.models import Connection

ROOT = "/api/v1/"


@dataclass
class Program:
    """Calls the doors with one token, or with none."""

    token: str | None

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Send one request and give the response; `json` on it reads the body."""
        if self.token is not None:
            headers["HTTP_AUTHORIZATION"] = f"Bearer {self.token}"
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        sent = {} if body is None else {"data": data, "content_type": "application/json"}
        return Client().generic(method, path if path.startswith("/") else ROOT + path, **sent, **headers)  # type: ignore[arg-type]

    def made(self, path: str, body: dict[str, Any]) -> Any:
        """Make something and give it."""
        response = self("POST", path, body)
        assert response.status_code == 201, response.content
        return response.json()


@pytest.fixture
def program_of(team: Team) -> Callable[[User | None], Program]:
    """Give a person's program: in `team` if they are in it, else in their own team; of nobody, one without a token."""

    def made(user: User | None) -> Program:
        if user is None:
            return Program(None)
        own = team if team.memberships.filter(user=user).exists() else Team.objects.get(personal_of=user)
        return Program(make_token(user, own, "test")[1])

    return made


@pytest.fixture
def call(alice: User, program_of: Callable[[User | None], Program]) -> Program:
    """Give alice's program."""
    return program_of(alice)


@pytest.fixture
def rehearsal(team: Team) -> str:
    """Give the id of the team's rehearsal connection."""
    return str(Connection.objects.get(team=team, kind="rehearsal").pk)
