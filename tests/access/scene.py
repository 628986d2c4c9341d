"""The scene of the matrix: the team's things by their ids, and how one of the cast tries a door."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client

from fusion_site.accounts.models import Team, User
from tests.access.doors import BY_PRESET, Door
from tests.upstream import Upstream

# In the name or the text of everything that the team has, and of nothing else.
CANARY = "canary-of-alpha"
# The key of its connection, which may show nowhere.
KEY = "sk-of-alpha-5e9c2b7d41"
ABSENT, ABSENT_NUMBER = "a" * 24, 987654
# Parts of addresses that name no row: which version or turn, in which form, and what stands nowhere at all.
NO_OBJECT = {
    "name": "none.gguf",
    "number": 1,
    "place": 1,
    "form": "json",
    "unknown": "no/such",
    "slug": "research",
    "pk": 1,
    "key": "none",
    "uidb36": "1",
}
OUTSIDERS = ("nobody", "charlie")
CAST = ("nobody", "charlie", "dave", "bob", "alice")
# What a mere look changes: sessions, what is counted against guessing (and, of a token, when it was last used).
_PASSING = {"django_session", "usersessions_usersession", "accounts_kept"}
_TABLES = sorted({model._meta.db_table for model in apps.get_models()} - _PASSING)
# What differs between any two answers; those of the rate tell of the caller's own token.
_OF_THE_MOMENT = {"content-length", "x-request-id"} | {
    f"x-ratelimit-{word}-requests" for word in ("limit", "remaining", "reset")
}


@dataclass
class Answer:
    """What somebody was told: all of it, with what differs between any two requests blotted out."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def is_sent_to_sign_in(self) -> bool:
        """Whether this is the way to the page for signing in."""
        return self.status == 302 and self.headers.get("Location", "").startswith("/accounts/login/")

    @property
    def is_refused(self) -> bool:
        """Whether the door stayed shut, for whatever reason."""
        return self.status in {401, 403, 404, 405} or self.is_sent_to_sign_in


# What the doors of the Compact host take.
_OF_COMPACT: dict[str, dict[str, Any]] = {
    "PATCH compact": {"idle_min": 3},
    "PUT template": {"template": None},
    "POST offers": {"source": "none"},
    "POST fetch": {"source": "none", "accept": True},
}


@dataclass
class Scene:
    """One of each thing of team Alpha, by the names that addresses use, and the cast."""

    ids: dict[str, str]
    people: dict[str, User | None]
    tokens: dict[str, str]
    elsewhere: dict[str, str]
    sessions: dict[str, str]
    team: Team
    upstream: Upstream

    def id_for(self, door: Door, part: str, *, absent: bool) -> str:
        """Give what stands at one part of a door's address: the team's thing of that kind, or none."""
        if part in NO_OBJECT:
            return "csv" if part == "form" and "audit" in door.path else str(NO_OBJECT[part])
        if absent:
            return str(ABSENT_NUMBER) if part == "session_id" else ABSENT
        room = re.sub(r"^/(api/v1/)?", "", door.path).split("/")[0]
        return self.ids.get(f"{room}.{part}") or self.ids[part]

    def address(self, door: Door, *, absent: bool = False) -> str:
        """Give the address of a door for the team's own things, or for things that are not there."""
        return door.path.format(**{part: self.id_for(door, part, absent=absent) for part in door.parts})

    def try_door(self, door: Door, who: str, *, absent: bool = False) -> tuple[Answer, str]:
        """Let somebody try a door and take it back; gives what was told, and the rows as they were left."""
        with undone():
            response = self._send(door, who, absent=absent)
            answer = self._told(response, door, absent=absent)
            return answer, self.rows()

    def _send(self, door: Door, who: str, *, absent: bool) -> HttpResponseBase:
        path = self.address(door, absent=absent)
        if door.surface == "page":
            client, form = self._browser(who), self._form(who)
            return client.get(path) if door.method == "GET" else client.post(path, form)
        bearer: dict[str, Any] = {}
        if who in self.tokens:
            bearer = {"HTTP_AUTHORIZATION": f"Bearer {self.tokens[who]}"}
        body: dict[str, Any] = {}
        if door.method != "GET":
            body = {"data": json.dumps(self._body(door, who, absent)), "content_type": "application/json"}
        return Client().generic(door.method, path, **body, **bearer)

    def _form(self, who: str) -> dict[str, str]:
        user = self.people[who]
        own = user.personal_team.pk if user is not None else ABSENT
        return {
            "name": "Taken over",
            "role": "editor",
            "text": "Taken over",
            "to": own,
            "team": self.team.pk,
            "tags": "x",
        }

    def _body(self, door: Door, who: str, absent: bool) -> dict[str, Any]:
        """Give a body that the door takes, so that it is not refused for that, with the team's things in it or none."""
        end = door.path.rpartition("/")[2]
        if end in {"copy", "move"}:
            return {"target_token": self.elsewhere.get(who, "fus_none")}
        if str(door) in BY_PRESET:
            return {"preset": ABSENT if absent else self.ids["slug"], "prompt": "?"}
        if end == "answers":
            return {"connection": ABSENT if absent else self.ids["connection_id"], "model": "ada"}
        if door.surface == "v1" and who in OUTSIDERS:
            model = ABSENT if absent else self.ids["slug"]
            asked = (
                {"messages": [{"role": "user", "content": "?"}]} if end == "completions" else {"input": "?"}
            )
            return {"model": f"fusion/{model}", **asked}
        if "comments" in door.path:
            return {"text": "Taken over"}
        if "compact" in door.path:
            return _OF_COMPACT.get(f"{door.method} {end}", {})
        if door.method == "PUT" and end == "tags":
            return {"tags": ["Taken over"]}
        if str(door) == "POST /api/v1/webhooks":
            return {"name": "Taken over", "url": "https://hooks.example/in"}
        if door.method == "PATCH":
            return {"role": "editor"} if end == "sign-on" or "people" in door.path else {"name": "Taken over"}
        return {}

    def _browser(self, who: str) -> Client:
        client = Client()
        if who in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[who]
        return client

    def _told(self, response: HttpResponseBase, door: Door, *, absent: bool) -> Answer:
        blot = [self.id_for(door, part, absent=absent) for part in door.parts if part not in NO_OBJECT]
        blot += [ABSENT if absent else self.ids["slug"]]
        blot = [each for each in blot if not each.isdigit()]

        def blotted(text: str) -> str:
            for each in sorted(blot, key=len, reverse=True):
                text = text.replace(each, "ID")
            return re.sub(r'(csrfmiddlewaretoken" value=|csrf-?token"[^"]*)"[^"]*"', r"\1", text, flags=re.I)

        headers = {
            name: blotted(value) for name, value in response.items() if name.lower() not in _OF_THE_MOMENT
        }
        return Answer(response.status_code, headers, blotted(_body_of(response)))

    def rows(self) -> str:
        """Give a digest of every table, but for what a mere look changes."""
        return hashlib.sha256(stored().encode()).hexdigest()


def stored() -> str:
    """Give all that is stored and that a mere look does not change, as text."""
    with connection.cursor() as cursor:
        told = []
        for table in _TABLES:
            cursor.execute(f"SELECT {_columns(table)} FROM {table} ORDER BY 1")
            told.append(repr((table, cursor.fetchall())))
    return "".join(told)


def _columns(table: str) -> str:
    return "id, name, digest, scopes" if table == "accounts_apitoken" else "*"


def _body_of(response: HttpResponseBase) -> str:
    """Read a body; of a stream that was let through nothing: it may go on for long."""
    if not isinstance(response, StreamingHttpResponse):
        return response.content.decode(errors="replace")  # type: ignore[attr-defined, no-any-return]
    return ""


@contextmanager
def undone() -> Iterator[None]:
    """Take back all that is done to the database meanwhile, and forget who tried how often."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    cache.clear()
