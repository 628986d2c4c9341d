"""The matrix: every object × every verb × everybody, over pages and REST.

A foreign thing answers exactly like an absent one, and nothing happens: no row changes and nobody upstream is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import CatalogueModel, Connection, Judge, Pool, PoolMember, Preset, Version
from tests.pools.models_server import ModelsServer

ABSENT = "a" * 24
ROWS = (Connection, CatalogueModel, Pool, PoolMember, Judge, Preset, Version)
NOUNS = ("connection", "pool", "judge", "preset")

PAGES = {
    "page edit": ("GET", "/{s}/{id}/"),
    "page save": ("POST", "/{s}/{id}/"),
    "page add": ("POST", "/{s}/{id}/?add"),
    "page duplicate": ("POST", "/{s}/{id}/duplicate/"),
    "page ask delete": ("GET", "/{s}/{id}/delete/"),
    "page delete": ("POST", "/{s}/{id}/delete/"),
    "page history": ("GET", "/{s}/{id}/history/"),
    "page version": ("GET", "/{s}/{id}/history/1/"),
    "page restore": ("POST", "/{s}/{id}/history/1/restore/"),
    "page check": ("POST", "/connections/{id}/check/"),
    "page catalogue": ("GET", "/connections/{id}/models/"),
    "page options": ("GET", "/models/?of=connection&at=model&connection={id}&model="),
}
DOORS = {
    "rest read": ("GET", "/api/v1/{s}/{id}"),
    "rest change": ("PATCH", "/api/v1/{s}/{id}"),
    "rest delete": ("DELETE", "/api/v1/{s}/{id}"),
    "rest duplicate": ("POST", "/api/v1/{s}/{id}/duplicate"),
    "rest versions": ("GET", "/api/v1/{s}/{id}/versions"),
    "rest version": ("GET", "/api/v1/{s}/{id}/versions/1"),
    "rest restore": ("POST", "/api/v1/{s}/{id}/versions/1/restore"),
    "rest check": ("POST", "/api/v1/connections/{id}/check"),
    "rest models": ("GET", "/api/v1/connections/{id}/models"),
}
READS = {
    "page edit",
    "page history",
    "page version",
    "page catalogue",
    "page options",
    "rest read",
    "rest versions",
    "rest version",
    "rest models",
}
ONLY_CONNECTIONS = ("check", "catalogue", "options", "models")
CASES = [
    (noun, verb)
    for noun in NOUNS
    for verb in (*PAGES, *DOORS)
    if noun == "connection" or not verb.endswith(ONLY_CONNECTIONS)
]


@dataclass
class Scene:
    """One of each thing of the team, the server behind its connection, and the cast's ways in."""

    rows: dict[str, Connection | Pool | Judge | Preset]
    server: ModelsServer
    client_for: Callable[[User | None], Client]
    team: Team

    def does(self, user: User | None, verb: str, noun: str, pk: str) -> HttpResponse:
        """Let somebody try something with a thing of that id, by page or by REST."""
        method, path = (PAGES | DOORS)[verb]
        path = path.format(s=f"{noun}s", id=pk)
        if verb in PAGES:
            body = {"name": "Taken over", "do": "add" if verb.endswith("add") else "save"}
            send = self.client_for(user).post if method == "POST" else self.client_for(user).get
            return send(path, body) if method == "POST" else send(path)  # type: ignore[return-value]
        headers = {} if user is None else {"HTTP_AUTHORIZATION": f"Bearer {self._token(user)}"}
        body = (
            {"data": '{"name": "Taken over"}', "content_type": "application/json"}
            if method == "PATCH"
            else {}
        )
        return Client().generic(method, path, **body, **headers)  # type: ignore[arg-type, return-value]

    def _token(self, user: User) -> str:
        is_in = self.team.memberships.filter(user=user).exists()
        return make_token(user, self.team if is_in else Team.objects.get(personal_of=user), "t")[1]


@pytest.fixture
def scene(
    team: Team, alice: User, client_for: Callable[[User | None], Client], models_server: ModelsServer
) -> Scene:
    """Set the scene: the team's starter set, and a connection with a key to a server that listens."""
    given = {"name": "Lab", "kind": "openai", "base_url": models_server.url, "api_key": "sk-lab-12345"}
    connection = save_connection(Membership.objects.get(user=alice, team=team), given)
    rows: dict[str, Connection | Pool | Judge | Preset] = {
        "connection": connection,
        "pool": Pool.objects.get(team=team),
        "judge": Judge.objects.get(team=team),
        "preset": Preset.objects.get(team=team, slug="rehearsal"),
    }
    return Scene(rows, models_server, client_for, team)


def kept() -> list[Any]:
    """Give all that this room keeps, to be compared before and after."""
    return [list(model._default_manager.order_by("pk").values()) for model in ROWS]


def told(response: HttpResponse, pk: str) -> tuple[int, str, str]:
    """Give what an answer tells, with the id it was asked for blotted out (login pages name their way back)."""
    body = response.content.decode().replace(pk, "ID")
    for line in body.splitlines():
        if "csrf" in line.lower():
            body = body.replace(line, "")
    return response.status_code, response.get("Location", "").replace(pk, "ID"), body


@pytest.mark.parametrize(("noun", "verb"), CASES)
def test_a_stranger_and_nobody_cannot_tell_a_thing_from_nothing(
    scene: Scene, charlie: User, noun: str, verb: str
) -> None:
    for user, page_status, rest_status in ((charlie, 404, 404), (None, 302, 401)):
        before = kept()
        real = told(scene.does(user, verb, noun, scene.rows[noun].pk), scene.rows[noun].pk)
        nothing = told(scene.does(user, verb, noun, ABSENT), ABSENT)
        assert real == nothing
        expected = page_status if verb in PAGES else rest_status
        if verb == "page options" and user is not None:
            expected = 200  # suggestions for a connection that is not there: none
            assert "lab" not in real[2].lower()
        assert real[0] == expected
        assert kept() == before
    assert scene.server.keys == []


@pytest.mark.parametrize(("noun", "verb"), CASES)
def test_a_viewer_reads_and_changes_nothing(scene: Scene, dave: User, noun: str, verb: str) -> None:
    before = kept()
    response = scene.does(dave, verb, noun, scene.rows[noun].pk)
    assert response.status_code == (200 if verb in READS else 403)
    if verb not in {"page catalogue", "page options", "rest models"}:
        assert kept() == before
        assert scene.server.keys == []


@pytest.mark.parametrize(("noun", "verb"), CASES)
def test_owner_and_editor_may_do_all(scene: Scene, alice: User, bob: User, noun: str, verb: str) -> None:
    for user in (alice, bob):
        row = scene.rows[noun]
        if verb.endswith(" delete") and not verb.endswith("ask delete") and noun in {"pool", "judge"}:
            Preset.objects.filter(team=scene.team).delete()
        response = scene.does(user, verb, noun, row.pk)
        assert response.status_code in {200, 201, 204, 302, 422}, response.content
        if verb.endswith(" delete") and "ask" not in verb:
            assert not type(row)._default_manager.filter(pk=row.pk).exists()
            return


@pytest.mark.parametrize("path", [f"/{noun}s/{end}" for noun in NOUNS for end in ("", "new/")])
def test_lists_and_empty_forms(scene: Scene, alice: User, dave: User, charlie: User, path: str) -> None:
    assert scene.client_for(None).get(path)["Location"].startswith("/accounts/login/")
    assert scene.client_for(alice).get(path).status_code == 200
    assert scene.client_for(dave).get(path).status_code == (403 if path.endswith("new/") else 200)
    stranger = scene.client_for(charlie).get(path).content.decode()
    assert not any(row.pk in stranger for row in scene.rows.values())


@pytest.mark.parametrize("noun", NOUNS)
def test_viewers_and_nobody_make_nothing(scene: Scene, dave: User, noun: str) -> None:
    before = kept()
    assert scene.client_for(dave).post(f"/{noun}s/new/", {"name": "X"}).status_code == 403
    assert scene.client_for(None).post(f"/{noun}s/new/", {"name": "X"}).status_code == 302
    assert kept() == before


def test_a_foreign_reference_cannot_be_saved_by_page_or_rest(scene: Scene, charlie: User) -> None:
    """Charlie names the team's connection in a pool of his own: he hears what he would hear of nothing."""
    before = kept()
    answers = []
    for pk in (scene.rows["connection"].pk, ABSENT):
        form = {"name": "Mine", "members.0.connection": pk, "members.0.model": "m"}
        page = scene.client_for(charlie).post("/pools/new/", form)
        assert page.status_code == 422
        assert "There is no such connection." in page.content.decode()
        token = make_token(charlie, Team.objects.get(personal_of=charlie), "t")[1]
        body = {"name": "Mine", "members": [{"connection": pk, "model": "m"}]}
        rest = Client().post("/api/v1/pools", body, "application/json", HTTP_AUTHORIZATION=f"Bearer {token}")
        answers.append((rest.status_code, rest.json()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 422
    assert kept() == before


def test_a_thing_of_my_other_team_opens_without_switching(scene: Scene, alice: User) -> None:
    """A link that a colleague sends works, whichever team one works in at the moment."""
    client = Client()
    client.force_login(alice)
    for noun, row in scene.rows.items():
        assert client.get(f"/{noun}s/{row.pk}/").status_code == 200
        assert row.pk not in client.get(f"/{noun}s/").content.decode()


def test_a_token_reaches_its_own_team_only(scene: Scene, alice: User) -> None:
    """Alice is in both teams; a token for one does not open the other."""
    token = make_token(alice, Team.objects.get(personal_of=alice), "t")[1]
    for noun, row in scene.rows.items():
        path = f"/api/v1/{noun}s/{row.pk}"
        assert Client().get(path, HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 404
