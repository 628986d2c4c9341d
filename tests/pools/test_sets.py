"""Starter sets: filled with the team's own models of different families, made in one step or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.engine.family import family_of
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import CatalogueModel, Connection, Judge, Pool, Preset
from fusion_site.pools.prompting import fault_in, variables_in
from fusion_site.pools.starter_sets import STARTER_SETS
from tests.api.conftest import Program, program_of

__all__ = ["program_of"]

SLUGS = [each.slug for each in STARTER_SETS]


@pytest.fixture
def browser(alice: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give alice's browser, working in the team."""
    return client_for(alice)


@pytest.fixture
def hosted(place: Membership) -> Connection:
    """Give a connection whose catalogue has several families, of several prices, and some that answer nothing."""
    given = {
        "name": "Hosted",
        "kind": "openai",
        "base_url": "https://models.example.com/v1",
        "api_key": "sk-hosted-1",
    }
    row = save_connection(place, given)
    offered = {
        "openai/gpt-5": "10e-6",
        "openai/gpt-5-pro": "120e-6",
        "openai/gpt-5-nano": "0.4e-6",
        "openai/text-embedding-3": "0.1e-6",
        "anthropic/claude-opus": "75e-6",
        "anthropic/claude-sonnet": "15e-6",
        "google/gemini-pro": "10e-6",
        "meta-llama/llama-4": "9e-6",
        "openrouter/auto": None,
    }
    CatalogueModel.objects.bulk_create(
        CatalogueModel(
            connection=row, model=model, completion_price=price, prompt_price=price, family=family_of(model)
        )
        for model, price in offered.items()
    )
    return row


@pytest.mark.parametrize("wanted", STARTER_SETS, ids=SLUGS)
def test_every_set_is_whole(wanted: Any) -> None:
    assert fault_in(wanted.template) is None
    assert "{{prompt}}" in wanted.template
    assert len(variables_in(wanted.template)) >= 2
    assert 4 <= len(wanted.criteria) <= 6
    assert len({criterion.name for criterion in wanted.criteria}) == len(wanted.criteria)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_set_is_made_as_it_is_offered(browser: Client, team: Team, hosted: Connection, slug: str) -> None:
    page = browser.get(f"/sets/{slug}/")
    form = {"name": page.context["form"]["name"].value}
    for lead, fields in [
        ("", page.context["form"]),
        *((f"members.{n}.", each[1]) for n, each in enumerate(page.context["places"])),
    ]:
        form |= {f"{lead}{word}": fields[word].value for word in ("connection", "model")}
    made = browser.post(f"/sets/{slug}/", form)
    preset = Preset.objects.get(team=team, slug=slug)
    assert made["Location"] == f"/?preset={preset.pk}"
    models = [member.model for member in preset.pool.members.all()]
    families = {family_of(model) for model in models}
    assert len(families) == 3, models
    assert family_of(preset.judge.model) not in families
    assert {"openai/gpt-5-pro", "openai/text-embedding-3", "openrouter/auto"}.isdisjoint(
        {*models, preset.judge.model}
    )
    assert len(preset.judge.criteria) >= 4
    assert f'value="{preset.pk}"' in browser.get(made["Location"]).content.decode()
    again = browser.post(f"/sets/{slug}/", form)
    assert again.status_code == 302
    assert Preset.objects.filter(team=team, slug=f"{slug}-2", pool__name=f"{preset.pool.name} 2").exists()


def test_without_any_other_model_scripted_ones_stand_in_and_are_said_to_be(
    browser: Client, team: Team
) -> None:
    offered = ["rehearsal/planner", "rehearsal/scholar", "rehearsal/storyteller", "rehearsal/judge"]
    connection = Connection.objects.get(team=team, kind="rehearsal")
    CatalogueModel.objects.bulk_create(
        CatalogueModel(connection=connection, model=model) for model in offered
    )
    page = browser.get("/sets/decision/")
    assert page.context["form"]["model"].value == "rehearsal/judge"
    assert sorted(member["model"].value for _, member in page.context["places"]) == offered[:3]
    assert "(scripted, no AI)" in page.content.decode()


def test_one_fault_is_said_at_its_field_and_nothing_is_made(
    browser: Client, team: Team, hosted: Connection
) -> None:
    before = [model.objects.count() for model in (Pool, Judge, Preset)]
    form = {"name": "Mine", "connection": hosted.pk, "model": "openrouter/fusion"}
    for at, model in enumerate(("a", "", "c")):
        form |= {f"members.{at}.connection": hosted.pk, f"members.{at}.model": model}
    page = browser.post("/sets/research/", form)
    assert page.status_code == 422
    assert list(page.context["errors"]) == ["members.1.model"]
    page = browser.post("/sets/research/", {**form, "members.1.model": "b"})
    assert list(page.context["errors"]) == ["model"]
    assert page.context["form"]["name"].value == "Mine"
    assert browser.post("/sets/research/", {"name": "No models"}).status_code == 422
    assert [model.objects.count() for model in (Pool, Judge, Preset)] == before
    assert browser.get("/sets/none/").status_code == 404


def test_sets_are_offered_where_there_is_nothing_and_where_one_is_begun(browser: Client, team: Team) -> None:
    Preset.objects.filter(team=team).delete()
    for path in ("/presets/", "/presets/new/", "/pools/new/", "/judges/new/"):
        page = browser.get(path).content.decode()
        assert all(f'href="/sets/{slug}/"' in page for slug in SLUGS), path


def test_a_program_lists_and_fills_sets(
    program_of: Callable[[User | None], Program], bob: User, team: Team, hosted: Connection
) -> None:
    call = program_of(bob)
    listed = call("GET", "sets").json()["items"]
    assert [each["slug"] for each in listed] == SLUGS
    assert listed[0]["roles"][0]["label"]
    made = call.made("sets/code-review", {})["made"]
    assert [each["kind"] for each in made] == ["pool", "judge", "preset"]
    member = {"connection": hosted.pk, "model": "openai/gpt-5"}
    own = call.made("sets/code-review", {"name": "Own", "members": [member] * 3, "judge": member})["made"]
    assert Pool.objects.get(pk=own[0]["id"]).members.filter(model="openai/gpt-5").count() == 3
    short = call("POST", "sets/code-review", {"members": [member], "judge": member})
    assert short.json()["error"]["fields"] == {"members": ["Give 3 models, one for each role."]}
    assert call("POST", "sets/code-review", {"members": [member] * 3}).status_code == 422
