"""OpenRouter's plugin form on `/v1/chat/completions`: models that a program names, over a stand-in for OpenRouter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from django.test import Client

from fusion_site.accounts.models import Team, User
from fusion_site.accounts.sealing import SealContext, origin_of, seal
from fusion_site.pools.models import Connection, Kind, Pool
from fusion_site.runs.models import Run
from tests.api.conftest import Program
from tests.api.openai.conftest import ASKED, WITHIN_S, Shop
from tests.api.openai.test_requests import chat, error_of
from tests.upstream import task_of

ALIAS = "openrouter/fusion"
KEY = "sk-or-v1-test"
OPENROUTER = "https://openrouter.ai/api/v1"


def plugin(**more: Any) -> dict[str, Any]:
    """Give a request's part that names ada and bea, and the judge."""
    return {"plugins": [{"id": "fusion", "analysis_models": ["ada", "bea"], "model": "judge", **more}]}


@pytest.fixture(scope="module")
def routed(opened: Shop) -> str:
    """Give the id of the team's connection to OpenRouter, for which the scripted upstream stands in."""
    given = {"name": "OR", "kind": "openrouter", "base_url": opened.upstream.url, "api_key": KEY}
    return str(opened.rest("POST", "connections", given)["id"])


def asked(shop: Shop, **request: Any) -> Any:
    """Give the completion that the official client gets for the plugin form."""
    body = {"extra_body": plugin(), **request}
    messages: Any = [{"role": "user", "content": ASKED}]
    return shop.client.chat.completions.create(**{"model": ALIAS, "messages": messages, **body})


def test_named_models_are_merged_over_openrouter(shop: Shop, routed: str) -> None:
    reply = asked(
        shop,
        tool_choice="required",
        extra_body=plugin(max_completion_tokens=50, temperature=0.5, max_tool_calls=4, tools=[]),
    )
    assert reply.model == "judge"
    assert reply.choices[0].message.content == "# Merged\n\nAll of it in one."
    answers = reply.fusion["answers"]
    assert [(a["model"], a["outcome"]) for a in answers] == [("ada", "complete"), ("bea", "complete")]
    member = shop.upstream.wait_for("ada")
    assert member.authorization == f"Bearer {KEY}"
    assert (member.body["max_tokens"], member.body["temperature"]) == (50, 0.5)
    assert shop.upstream.compared()[0].body["temperature"] == 0
    run = shop.run(reply.fusion["run"])
    told = (run["preset"], run["preset_name"], run["pinned"], run["mode"], run["state"])
    assert told == (None, "", None, "merge", "done")
    # The verdict rests on the criteria that a judge has which names none.
    assert [each["name"] for each in run["verdict"]["criteria"]] == [
        "Correct",
        "Complete",
        "Grounded",
        "Clear",
    ]


def test_a_stream_names_who_writes_and_the_same_key_is_the_same_run(shop: Shop, routed: str) -> None:
    request = {"stream": True, "extra_headers": {"Idempotency-Key": "plugin-1"}}
    first, again = list(asked(shop, **request)), list(asked(shop, **request))
    assert "".join(c.choices[0].delta.content or "" for c in first) == "# Merged\n\nAll of it in one."
    assert {chunk.model for chunk in first} == {"judge"}
    assert first[-1].fusion["run"] == again[-1].fusion["run"]
    other = plugin(analysis_models=["ada", "cyd"])
    with pytest.raises(openai.ConflictError, match="another body"):
        asked(shop, **{**request, "extra_body": other})


def test_a_model_may_stand_twice_and_the_outer_one_judges(shop: Shop, routed: str) -> None:
    body = {"plugins": [{"id": "fusion", "analysis_models": ["ada", "ada"]}]}
    reply = asked(shop, model="judge", extra_body={**body, "fusion": {"connection": routed}})
    assert [a["label"] for a in reply.fusion["answers"]] == ["ada 1", "ada 2"]
    assert {task_of(asked.body) for asked in shop.upstream.asked("judge")} >= {"judge", "merge"}


def test_pages_and_doors_live_with_a_run_of_no_preset(shop: Shop, routed: str) -> None:
    run = asked(shop).fusion["run"]
    assert shop.rest("GET", f"runs/{run}/export.json")["settings"]["judge"]["name"] == "Judge"
    found = shop.rest("GET", "runs?mode=merge")["items"]
    assert run in {each["id"] for each in found}
    shop.rest("GET", "insights")
    headers = {"Authorization": f"Bearer {shop.token}"}
    answer = httpx.get(f"{shop.site.url}/api/v1/runs/{run}/again", headers=headers, timeout=WITHIN_S)
    assert answer.status_code == 422
    assert "without a preset" in answer.json()["error"]["fields"]["preset"][0]
    shop.preset("best", mode="best_of")
    later = shop.rest("POST", "runs", {"after": run, "preset": "best", "prompt": "And then?"})
    assert shop.run(later["id"])["thread"] == [run, later["id"]]
    added = {"connection": routed, "model": "cyd", "label": "Cyd"}
    assert shop.rest("POST", f"runs/{run}/answers", added)["id"] == run


@pytest.fixture
def connected(team: Team) -> Connection:
    """Give the team's connection to OpenRouter."""
    row = Connection(team=team, name="OR", kind=Kind.OPENROUTER, base_url=OPENROUTER)
    row.sealed_key = seal(KEY, context=SealContext(row.pk, team.pk, origin_of(OPENROUTER)))
    row.save()
    return row


# Streams: a call that were let through by mistake must not wait for an answer that nobody writes.
NINE = [f"lab/{n}" for n in range(9)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "plugins", "missing_required_parameter"),
        ({"plugins": "fusion"}, "plugins", "invalid_type"),
        ({"plugins": [{"id": "web"}]}, "plugins[0].id", "unsupported_value"),
        ({"plugins": [*plugin()["plugins"], {"id": "web"}]}, "plugins[1].id", "unsupported_value"),
        ({**plugin(), "model": "fusion/rehearsal"}, "plugins", "unsupported_parameter"),
        ({**plugin(), "model": "lab/other"}, "model", "unsupported_value"),
        (plugin(analysis_models=None), "plugins[0].analysis_models", "invalid_value"),
        (plugin(analysis_models="ada"), "plugins[0].analysis_models", "invalid_value"),
        (plugin(analysis_models=NINE), "plugins[0].analysis_models", "invalid_value"),
        (plugin(analysis_models=["ada", 5]), "plugins[0].analysis_models[1]", "invalid_value"),
        (plugin(analysis_models=["ada", ALIAS]), "plugins[0].analysis_models[1]", "invalid_value"),
        (plugin(model="openrouter/fusion-flash"), "plugins[0].model", "invalid_value"),
        (plugin(model=None), "plugins[0].model", "missing_required_parameter"),
        (plugin(preset="general-high"), "plugins[0].preset", "unsupported_parameter"),
        (plugin(enabled=False), "plugins[0].enabled", "unsupported_value"),
        (plugin(tools=[{"type": "openrouter:web_search"}]), "plugins[0].tools", "unsupported_parameter"),
        (plugin(max_tool_calls=17), "plugins[0].max_tool_calls", "invalid_value"),
        (plugin(surprise=1), "plugins[0].surprise", "unsupported_parameter"),
        (plugin(temperature=3), "plugins[0].temperature", "invalid_value"),
        (plugin(max_completion_tokens=0), "plugins[0].max_completion_tokens", "invalid_value"),
        (plugin(reasoning={"max_tokens": 9}), "plugins[0].reasoning.max_tokens", "unsupported_parameter"),
        (plugin(reasoning={"effort": "huge"}), "plugins[0].reasoning.effort", "invalid_value"),
        ({**plugin(), "fusion": {"variables": {}}}, "fusion.variables", "unsupported_parameter"),
        ({**plugin(), "fusion": {"connection": "nothing"}}, "fusion.connection", "invalid_value"),
        ({**plugin(), "fusion": {"connection": 5}}, "fusion.connection", "invalid_value"),
        ({**plugin(), "tool_choice": "none"}, "tool_choice", "unsupported_value"),
        ({**plugin(), "stop": "x"}, "stop", "unsupported_parameter"),
    ],
)
def test_what_the_form_cannot_hold_here_is_refused_by_name(
    call: Program, connected: Connection, body: dict[str, Any], param: str, code: str
) -> None:
    error = error_of(chat(call, **{"model": ALIAS, "stream": True, **body}), 400)
    assert (error["param"], error["code"]) == (param, code)
    assert Run.objects.count() == 0


@pytest.mark.django_db
def test_the_oldest_connection_with_a_key_is_used_and_nothing_else_is_stored(
    call: Program, team: Team, connected: Connection
) -> None:
    bare = Connection.objects.create(team=team, name="A", kind=Kind.OPENROUTER, base_url=OPENROUTER)
    Connection.objects.filter(pk=bare.pk).update(created_at=team.created_at)
    newer = Connection.objects.create(
        team=team, name="B", kind=Kind.OPENROUTER, base_url=OPENROUTER, sealed_key="x"
    )
    pools = Pool.objects.count()
    chat(call, model=ALIAS, stream=True, **plugin())
    chat(call, model=ALIAS, stream=True, **plugin(), fusion={"connection": newer.pk})
    used = [run.settings["members"][0]["model"]["connection"] for run in Run.objects.order_by("created_at")]
    assert used == [connected.pk, newer.pk]
    assert Pool.objects.count() == pools


@pytest.mark.django_db
def test_its_pages_say_that_it_has_no_preset(
    call: Program, alice: User, client_for: Callable[[User], Client], connected: Connection
) -> None:
    chat(call, model=ALIAS, stream=True, **plugin())
    run, browser = Run.objects.get(), client_for(alice)
    words = "models that a program named"
    for address, told in (
        (f"/runs/{run.pk}/", words),
        ("/runs/", words),
        (f"/runs/{run.pk}/again/", "without a preset"),
    ):
        page = browser.get(address)
        assert page.status_code == 200
        assert told in page.content.decode()
    assert browser.get(f"/runs/{run.pk}/follow-up/").status_code == 200


@pytest.mark.django_db
def test_without_a_connection_it_is_said_where_to_add_one(call: Program) -> None:
    error = error_of(chat(call, model=ALIAS, stream=True, **plugin()), 400)
    assert "Connections" in error["message"]
    assert error["param"] == "fusion.connection"


@pytest.mark.django_db
def test_another_teams_connection_is_like_none(
    call: Program, bob: User, program_of: Callable[[User | None], Program], connected: Connection
) -> None:
    other = Team.objects.exclude(pk=connected.team_id).latest("created_at")
    foreign = Connection.objects.create(team=other, name="F", kind=Kind.OPENROUTER, base_url=OPENROUTER)
    errors = [
        error_of(chat(call, model=ALIAS, stream=True, **plugin(), fusion={"connection": pk}), 400)
        for pk in (foreign.pk, "nothing")
    ]
    assert errors[0] == errors[1]


@pytest.mark.django_db
def test_a_local_only_team_and_a_viewer_are_refused_before_anything_is_stored(
    call: Program, team: Team, dave: User, program_of: Callable[[User | None], Program], connected: Connection
) -> None:
    assert chat(program_of(dave), model=ALIAS, stream=True, **plugin()).status_code == 403
    Team.objects.filter(pk=team.pk).update(local_only=True)
    error = error_of(chat(call, model=ALIAS, stream=True, **plugin()), 400)
    assert "local only" in error["message"]
    assert Run.objects.count() == 0
