"""Forms and lists as browsers get them: what was typed stays, messages stand at their fields, keys are never shown."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.compact.supervisor import CompactStatus
from fusion_site.pools import compact_host
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import Connection, Judge, Pool, Preset
from tests.pools.models_server import ModelsServer


class Page(HTMLParser):
    """A page's inputs by their names (the last value wins), and the text of each element that has an id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.values: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self._open: list[str | None] = []
        self._area: str | None = None
        self._select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name")
        if tag not in {"input", "br", "meta", "link", "path", "circle"}:
            self._open.append(found.get("id"))
        if tag in {"input", "textarea", "select"} and name:
            self.inputs[name] = found
        if tag == "input" and name:
            is_box = found.get("type") in {"checkbox", "radio"}
            if not is_box or "checked" in found:
                self.values[name] = found.get("value") or ""
        if tag == "textarea":
            self._area, self.values[name or ""] = name, ""
        if tag == "select":
            self._select = name
        if tag == "option" and self._select and "selected" in found:
            self.values[self._select] = found.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            self._open.pop()
        if tag == "textarea" and self._area:
            self.values[self._area] = self.values[self._area].removeprefix("\n")
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data
        for each in self._open:
            if each:
                self.texts[each] = self.texts.get(each, "") + data.strip()

    def error_at(self, name: str) -> str:
        """Give the message beside an input, which must refer to it."""
        own = self.inputs[name]
        assert own.get("aria-invalid") == "true"
        target = f"{own['id']}_error"
        assert target in (own.get("aria-describedby") or "").split()
        return self.texts[target]


@pytest.fixture
def browser(alice: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give alice's browser, working in the team."""
    return client_for(alice)


def opened(response: Any, status: int = 200) -> Page:
    """Read a page."""
    assert response.status_code == status, response.content
    return Page(response.content.decode())


def test_a_pool_is_made_changed_copied_and_deleted(
    browser: Client, connection: Connection, team: Team
) -> None:
    form = {
        "name": "Quick",
        "zero_retention": "1",
        "members.0.connection": connection.pk,
        "members.0.model": "lab/alpha",
        "members.0.required": "1",
        "members.0.params.temperature": "0.5",
        "members.0.params.stop": "END\r\nSTOP",
        "members.1.connection": connection.pk,
        "members.1.model": "lab/alpha",
    }
    assert browser.post("/pools/new/", form)["Location"] == "/pools/"
    pool = Pool.objects.get(team=team, name="Quick")
    first = pool.members.all()[0]
    assert first.params == {"temperature": 0.5, "stop": ["END", "STOP"]}
    assert first.required
    page = opened(browser.get(f"/pools/{pool.pk}/"))
    assert page.values["members.0.params.stop"] == "END\nSTOP"
    assert page.values["members.0.required"] == "1"
    assert page.values["members.1.required"] == "0"
    sent = {name: value for name, value in page.values.items() if name}
    browser.post(f"/pools/{pool.pk}/", {**sent, "name": "Quicker", "do": "save"})
    pool.refresh_from_db()
    assert (pool.name, pool.members.count(), pool.members.all()[0].params) == ("Quicker", 2, first.params)
    assert Pool.objects.get(pk=pool.pk).zero_retention
    copy = browser.post(f"/pools/{pool.pk}/duplicate/")
    copied = opened(browser.get(copy["Location"]))
    assert "Quicker (copy)" in copied.html
    assert copied.values["zero_retention"] == "1"
    sent = opened(browser.get(f"/pools/{pool.pk}/")).values
    browser.post(f"/pools/{pool.pk}/", {**sent, "zero_retention": "0", "do": "save"})
    assert not Pool.objects.get(pk=pool.pk).zero_retention
    assert browser.post(f"/pools/{pool.pk}/delete/")["Location"] == "/pools/"
    assert not Pool.objects.filter(pk=pool.pk).exists()


@pytest.mark.parametrize("kind", ["pools", "judges", "presets", "connections"])
def test_saving_a_form_unchanged_changes_nothing(
    browser: Client, preset: Preset, kind: str, connection: Connection
) -> None:
    rows: dict[str, Any] = {
        "pools": preset.pool,
        "judges": Judge.objects.get(team=preset.team, name="Rehearsal judge"),
        "presets": preset,
        "connections": connection,
    }
    row = rows[kind]
    path = f"/{kind}/{row.pk}/"
    before = opened(browser.get(path)).values
    response = browser.post(path, {**before, "do": "save"})
    assert response.status_code == 302, response.content
    after = opened(browser.get(path)).values
    assert {**before, "csrfmiddlewaretoken": ""} == {**after, "csrfmiddlewaretoken": ""}
    connection.refresh_from_db()
    assert connection.key_hint == "4242"


def test_bad_input_is_said_at_its_field_and_stays(browser: Client, connection: Connection) -> None:
    form = {
        "name": "  ",
        "members.0.connection": connection.pk,
        "members.0.model": "lab/alpha",
        "members.0.system": "line <b>one</b>\n\nline two",
        "members.0.params.temperature": "warm",
        "members.0.deadline_s": "-3",
    }
    page = opened(browser.post("/pools/new/", form), 422)
    assert page.error_at("name") == "This field is required."
    assert page.error_at("members.0.params.temperature") == "Enter a number."
    assert page.error_at("members.0.deadline_s") == "Must be at least 1 and at most 3,600."
    assert {name: page.values[name] for name in form} == form
    assert '<details class="fold" open>' in page.html, "a message must not hide in a fold"
    assert not Pool.objects.filter(name="").exists()


def test_every_kind_of_form_keeps_what_was_typed(
    browser: Client, preset: Preset, connection: Connection
) -> None:
    forms = {
        "/judges/new/": {
            "name": "J",
            "connection": connection.pk,
            "model": "",
            "criteria.0.name": "",
            "criteria.0.weight": "heavy",
            "criteria.0.description": "d",
            "instructions": "i",
            "swap_check": "0",
        },
        "/presets/new/": {
            "name": "P",
            "pool": preset.pool_id,
            "judge": preset.judge_id,
            "mode": "debate",
            "slug": "Bad Slug",
            "quorum": "many",
            "grace": "0",
            "budget_usd": "lots",
            "template": "\n\nfirst {{",
        },
        "/connections/new/": {
            "name": "C",
            "kind": "openai",
            "base_url": "http://10.0.0.1/v1",
            "parallel": "0",
        },
    }
    for path, form in forms.items():
        page = opened(browser.post(path, form), 422)
        assert {name: page.values[name] for name in form} == form
        assert sum("_error" in each for each in page.texts) >= 2
    assert page.error_at("base_url").startswith("This site's operator has not listed 10.0.0.1:80")


def test_what_was_typed_is_text_and_no_markup(browser: Client, connection: Connection) -> None:
    nasty = '"><script>alert(1)</script>'
    form = {"name": nasty, "members.0.connection": nasty, "members.0.model": nasty, "members.0.label": nasty}
    page = opened(browser.post("/pools/new/", form), 422)
    assert "<script>alert" not in page.html
    assert page.values["name"] == nasty
    save_connection(
        Membership.objects.get(user__email="alice@example.com", team=connection.team),
        {"name": nasty},
        connection,
    )
    for path in (
        "/connections/",
        f"/connections/{connection.pk}/",
        f"/connections/{connection.pk}/delete/",
        "/pools/new/",
    ):
        assert "<script>alert" not in browser.get(path).content.decode()


@pytest.mark.parametrize("is_htmx", [False, True])
@pytest.mark.parametrize(
    ("do", "models"),
    [
        ("add", ["a", "b", ""]),
        ("remove.0", ["b"]),
        ("down.0", ["b", "a"]),
        ("up.1", ["b", "a"]),
        ("up.0", ["a", "b"]),
    ],
)
def test_members_are_rearranged_without_losing_what_was_typed(
    browser: Client, pool: Pool, is_htmx: bool, do: str, models: list[str]
) -> None:
    connection = pool.members.all()[0].connection_id
    form = {"name": "Typed but not saved", "do": do}
    for index, model in enumerate("ab"):
        form |= {f"members.{index}.connection": connection, f"members.{index}.model": model}
        form |= {f"members.{index}.params.seed": f"not a number {model}"}
    headers = {"HTTP_HX_REQUEST": "true"} if is_htmx else {}
    page = opened(browser.post(f"/pools/{pool.pk}/", form, **headers))  # type: ignore[arg-type]
    names = sorted(name for name in page.values if name.endswith(".model"))
    assert [page.values[name] for name in names] == models
    seeds = [page.values[name.replace("model", "params.seed")] for name in names]
    assert seeds == [f"not a number {model}" if model else "" for model in models]
    assert page.values[f"members.{len(models) - 1}.connection"] == connection
    assert ("<html" in page.html) is not is_htmx
    assert page.html.count('id="editor"') == 1
    pool.refresh_from_db()
    assert (pool.name, pool.members.count()) == ("Pair", 2), "rearranging saves nothing"


def test_there_is_no_button_for_a_ninth_member(browser: Client, connection: Connection) -> None:
    form = {f"members.{n}.connection": connection.pk for n in range(8)}
    page = opened(browser.post("/pools/new/", {**form, "do": "add"}))
    assert 'value="add"' not in page.html
    assert "at most 8" in page.html


def test_all_criteria_may_be_taken_away(browser: Client, team: Team) -> None:
    judge = Judge.objects.get(team=team, name="Rehearsal judge")
    page = opened(browser.get(f"/judges/{judge.pk}/"))
    form = {name: value for name, value in page.values.items() if not name.startswith("criteria")}
    assert browser.post(f"/judges/{judge.pk}/", form).status_code == 302
    judge.refresh_from_db()
    assert judge.criteria == []


def test_a_key_is_kept_replaced_and_taken_away_but_never_shown(
    browser: Client, connection: Connection
) -> None:
    path = f"/connections/{connection.pk}/"
    form = {"name": "Hosted", "base_url": connection.base_url, "parallel": "8"}

    def saved(**more: str) -> str:
        response = browser.post(path, {**form, **more})
        assert b"sk-" not in response.content
        connection.refresh_from_db()
        assert b"sk-" not in browser.get(path).content
        return connection.key_hint

    assert saved(api_key="") == "4242"
    assert saved(api_key="sk-replaced-7777") == "7777"
    assert saved(api_key="sk-refused-9999", parallel="0") == "7777"
    assert saved(api_key="", forget_key="1") == ""


def test_a_connection_that_moved_says_that_it_needs_its_key(browser: Client, connection: Connection) -> None:
    form = {"name": "Hosted", "base_url": "https://else.example.com/v1", "api_key": "", "parallel": "8"}
    browser.post(f"/connections/{connection.pk}/", form)
    assert "needs its key" in opened(browser.get("/connections/")).texts[f"state_{connection.pk}"]


def test_rehearsal_things_are_marked_wherever_they_stand(browser: Client, team: Team) -> None:
    badge = "rehearsal: scripted, no AI"
    for model, kind in ((Connection, "connections"), (Pool, "pools"), (Judge, "judges"), (Preset, "presets")):
        rows = model._default_manager.filter(team=team)
        assert browser.get(f"/{kind}/").content.decode().count(badge) == rows.count()
        for row in rows:
            assert badge in browser.get(f"/{kind}/{row.pk}/").content.decode()
    assert "(scripted, no AI)" in browser.get("/pools/new/").content.decode()


def test_hosted_things_are_not(browser: Client, preset: Preset) -> None:
    for path in (f"/pools/{preset.pool_id}/", f"/judges/{preset.judge_id}/", f"/presets/{preset.pk}/"):
        assert "badge-rehearsal" not in browser.get(path).content.decode()


def test_empty_lists_teach(
    alice: User, client_for: Callable[[User | None], Client], settings: LazySettings
) -> None:
    settings.FUSION_REHEARSAL = False
    browser = Client()
    browser.force_login(alice)
    for model in (Preset, Judge, Pool, Connection):
        model._default_manager.all().delete()
    for kind in ("connections", "pools", "judges", "presets"):
        assert 'class="empty"' in browser.get(f"/{kind}/").content.decode()
    assert "First a connection" in browser.get("/pools/new/").content.decode()
    assert "First a pool and a judge" in browser.get("/presets/new/").content.decode()


def test_deleting_asks_first_and_says_what_is_in_the_way(browser: Client, preset: Preset) -> None:
    page = browser.get(f"/pools/{preset.pool_id}/delete/").content.decode()
    assert "preset “Review”" in page
    assert "Delete it" not in page
    assert browser.post(f"/pools/{preset.pool_id}/delete/").status_code == 409
    assert "Delete it" in browser.get(f"/presets/{preset.pk}/delete/").content.decode()
    assert Preset.objects.filter(pk=preset.pk).exists(), "looking deletes nothing"


@pytest.fixture
def lab(place: Membership, models_server: ModelsServer) -> Connection:
    """Give a connection to a server with two models of known prices and one of none."""
    models_server.body = {
        "data": [
            {
                "id": "lab/alpha",
                "context_length": 128_000,
                "pricing": {"prompt": "3e-6", "completion": "15e-6"},
            },
            {"id": "lab/beta", "name": "<i>Beta</i>"},
            {"id": "other/gamma"},
        ]
    }
    given = {"name": "Lab", "kind": "openai", "base_url": models_server.url, "api_key": "sk-lab-12345"}
    return save_connection(place, given)


def test_a_connection_is_tested_in_place(
    browser: Client, lab: Connection, models_server: ModelsServer
) -> None:
    path = f"/connections/{lab.pk}/check/"
    part = browser.post(path, HTTP_HX_REQUEST="true").content.decode()
    assert part.startswith(f'<p class="small" id="state_{lab.pk}"')
    assert "tested" in part
    models_server.status, models_server.body = 401, {"error": {"message": "no"}}
    assert "not working" in browser.post(path, HTTP_HX_REQUEST="true").content.decode()
    assert browser.post(path)["Location"] == "/connections/"
    assert "does not work" in browser.get("/connections/").content.decode()
    assert "not working" in opened(browser.get("/connections/")).texts[f"state_{lab.pk}"]


def test_models_are_searched_with_their_figures(browser: Client, lab: Connection) -> None:
    path = f"/connections/{lab.pk}/models/"
    page = browser.get(path).content.decode()
    assert all(
        text in page for text in ("lab/alpha", "128,000", "$3.00/M", "$15.00/M", "unknown", "3 models")
    )
    assert "<i>Beta" not in page
    found = browser.get(f"{path}?q=LAB+alp", HTTP_HX_REQUEST="true").content.decode()
    assert "lab/alpha" in found
    assert "lab/beta" not in found
    assert "<html" not in found


def test_the_compact_host_is_told_of(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def page() -> str:
        return opened(browser.get("/connections/")).texts["compact"]

    assert "off" in page()
    failed = CompactStatus(state="failed", model_id="tiny", error="The file is no GGUF.", restarts=2)
    monkeypatch.setattr(compact_host, "status", lambda: failed)
    assert all(words in page() for words in ("failed", "tiny", "The file is no GGUF.", "2"))


def test_long_lists_come_in_pages(browser: Client, team: Team) -> None:
    for number in range(60):
        Pool.objects.create(team=team, name=f"P{number:02}")
    first, second = (browser.get(f"/pools/?page={n}").content.decode() for n in (1, 2))
    assert "P00" in first
    assert "P59" not in first
    assert "P59" in second
