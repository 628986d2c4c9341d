"""What only presets have: lines by which programs call them, a team's default, variables told while they are typed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

import pytest
from django.test import Client

from fusion_site.accounts.models import AuditEntry, Membership, User
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.pools.models import Preset
from tests.api.conftest import Program, program_of

__all__ = ["program_of"]


@pytest.fixture
def browser(alice: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give alice's browser, working in the team."""
    return client_for(alice)


@pytest.fixture
def call(bob: User, program_of: Callable[[User | None], Program]) -> Program:
    """Give bob's program."""
    return program_of(bob)


def test_the_lines_to_copy_call_this_preset(
    browser: Client, call: Program, preset: Preset, place: Membership
) -> None:
    save_preset(place, {"template": "It's for {{who}}, by {{when}}: {{prompt}}", "slug": "it-is"}, preset)
    page = browser.get(f"/presets/{preset.pk}/")
    calls = page.context["calls"]
    words = shlex.split(calls.curl.replace("\\\n", " "))
    body = json.loads(words[words.index("-d") + 1])
    assert body["model"] == calls.model == "fusion/it-is"
    assert body["fusion"] == {"variables": {"who": "…", "when": "…"}}
    assert calls.model in [each["id"] for each in call("GET", "/v1/models").json()["data"]]
    assert words[2] == "http://127.0.0.1:8000/v1/chat/completions"
    asked: dict[str, object] = {}

    class OpenAI:
        def __init__(self, base_url: str, timeout: int) -> None:
            asked["base"] = base_url
            self.chat = self.completions = self

        def create(self, **given: object) -> None:
            asked.update(given)
            raise InterruptedError

    code = calls.python.replace("from openai import OpenAI", "")
    with pytest.raises(InterruptedError):
        exec(compile(code, "example", "exec"), {"OpenAI": OpenAI})
    assert asked["base"] == "http://127.0.0.1:8000/v1"
    assert asked["model"] == "fusion/it-is"
    assert asked["extra_body"] == {"fusion": {"variables": {"who": "…", "when": "…"}}}
    html = page.content.decode()
    assert 'data-copy-text="fusion/it-is"' in html
    assert "data-copy-text" not in browser.get("/presets/new/").content.decode()


def test_compose_begins_with_the_teams_default(browser: Client, preset: Preset, call: Program) -> None:
    other = Preset.objects.get(team=preset.team, slug="rehearsal-debate")
    assert browser.get("/").context["compose"]["preset"] not in {preset.pk, other.pk}
    assert browser.post(f"/presets/{other.pk}/default/")["Location"] == "/presets/"
    assert browser.get("/").context["compose"]["preset"] == other.pk
    assert call("POST", f"presets/{preset.pk}/default").json()["is_default"] is True
    assert browser.get("/").context["compose"]["preset"] == preset.pk
    assert call("GET", f"presets/{other.pk}").json()["is_default"] is False
    assert "Let Review be the default no longer" in browser.get("/presets/").content.decode()
    copy = call("POST", f"presets/{preset.pk}/duplicate").json()
    assert copy["is_default"] is False
    browser.post(f"/presets/{preset.pk}/default/", {"on": "0"})
    assert not Preset.objects.filter(team=preset.team, is_default=True).exists()
    assert call("DELETE", f"presets/{preset.pk}/default").status_code == 204
    told = list(
        AuditEntry.objects.filter(team=preset.team, action__contains="default").values_list(
            "action", flat=True
        )
    )
    assert sorted(told) == ["preset.made_default", "preset.made_default", "preset.no_longer_default"]


def test_variables_are_told_while_a_template_is_typed(browser: Client) -> None:
    def told(template: str) -> str:
        return browser.post("/presets/variables/", {"template": template}).content.decode()

    assert "<code>who</code>, <code>when</code>, and the prompt" in told(
        "{{who}} {{prompt}} {{ when }} {{who}}"
    )
    assert "Line 2" in told("a\n{{ b c }}")
    assert "No variables" in told("plain <b>")


@pytest.mark.parametrize("kind", ["pool", "judge", "preset"])
def test_a_program_may_say_which_version_it_changes(call: Program, preset: Preset, kind: str) -> None:
    row = {"pool": preset.pool, "judge": preset.judge, "preset": preset}[kind]
    path = f"{kind}s/{row.pk}"
    seen = call("GET", path).json()["version"]
    first = call("PATCH", path, {"name": "First", "version": seen})
    assert (first.status_code, first.json()["version"]) == (200, seen + 1)
    late = call("PATCH", path, {"name": "Late", "version": seen})
    assert late.status_code == 409
    assert "version 2 is the newest" in late.json()["error"]["message"]
    assert call("GET", path).json()["name"] == "First"
    assert call("PATCH", path, {"name": "Blind"}).status_code == 200
