"""What the model picker offers: models of all connections of the team, searched, ordered, and with what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.models import CatalogueModel, Connection
from tests.api.conftest import Program, program_of
from tests.pools.models_server import ModelsServer

__all__ = ["program_of"]


@pytest.fixture
def browser(alice: User, client_for: Callable[[User | None], Client]) -> Client:
    """Give alice's browser, working in the team."""
    return client_for(alice)


@pytest.fixture
def lab(place: Membership, models_server: ModelsServer) -> Connection:
    """Give a connection to a server that lists models with and without what can be known of them."""
    seeing = {"input_modalities": ["text", "image", 7, "<b>"]}
    models_server.body = {
        "data": [
            {
                "id": "qwen/alpha",
                "context_length": 128_000,
                "pricing": {"prompt": "3e-6", "completion": "15e-6"},
            },
            {"id": "lab/beta", "name": "<i>Beta</i>"},
            {"id": "lab/seer", "architecture": seeing, "pricing": {"prompt": "0", "completion": "0"}},
            {"id": "lab/writer", "architecture": {"input_modalities": ["text"]}, "context_length": 9000},
        ]
    }
    given = {"name": "Lab", "kind": "openai", "base_url": models_server.url, "api_key": "sk-lab-12345"}
    return save_connection(place, given)


def offered(browser: Client, lab: Connection, typed: str = "", **more: str) -> tuple[list[str], str]:
    """Give the ids that are offered, and the part as it came."""
    at = "members.0.model"
    query = {"of": "members.0.connection", "at": at, "members.0.connection": lab.pk, at: typed, **more}
    part = browser.get("/models/", query)
    assert part.status_code == 200
    return [model.model for model in part.context["models"]], part.content.decode()


def test_models_are_found_by_id_name_family_and_connection(
    browser: Client, lab: Connection, team: Team
) -> None:
    scripted = Connection.objects.get(team=team, kind="rehearsal")
    CatalogueModel.objects.create(connection=scripted, model="rehearsal/planner", family="rehearsal")
    everything, part = offered(browser, lab)
    assert everything == ["lab/beta", "lab/seer", "lab/writer", "qwen/alpha", "rehearsal/planner"]
    assert "<i>Beta" not in part
    assert "scripted, no AI" in part
    assert offered(browser, lab, "BETA lab")[0] == ["lab/beta"]
    assert offered(browser, lab, "qwen")[0] == ["qwen/alpha"]
    assert offered(browser, lab, "rehearsal")[0] == ["rehearsal/planner"]
    assert offered(browser, lab, "lab")[0] == ["lab/beta", "lab/seer", "lab/writer", "qwen/alpha"]
    assert offered(browser, lab, local="1")[0] == ["rehearsal/planner"]
    assert offered(browser, lab, free="1")[0] == ["lab/seer", "rehearsal/planner"]
    assert offered(browser, lab, order="context")[0][:2] == ["qwen/alpha", "lab/writer"]
    assert offered(browser, lab, order="price")[0][:2] == ["lab/seer", "qwen/alpha"]
    assert offered(browser, lab, "qwen/alpha", all="1")[0][:4] == everything[:4], (
        "and what was heard of since"
    )


def test_what_is_known_is_told_and_what_is_not_is_called_unknown(browser: Client, lab: Connection) -> None:
    _, part = offered(browser, lab)
    facts = ["qwen · 128,000 tokens context · $3.00/M in · $15.00/M out · input unknown"]
    facts += ["lab · context unknown · price unknown · input unknown"]
    facts += ["takes text, image", "text only"]
    assert all(each in part for each in facts)
    _, part = offered(browser, lab, "qwen/alpha")
    assert f'id="id_members_0_model_facts" hx-swap-oob="true">{facts[0]}<' in part
    _, part = offered(browser, lab, "my/own")
    assert "What you typed is taken as it is." in part
    assert browser.get("/models/", {"of": "a", "at": '"><b>'}).status_code == 404


def test_what_the_operator_has_in_house_is_local(
    browser: Client, lab: Connection, models_server: ModelsServer, settings: LazySettings
) -> None:
    assert offered(browser, lab, local="1")[0] == []
    settings.FUSION_IN_HOUSE = frozenset({models_server.host_port})
    models, part = offered(browser, lab, local="1")
    assert len(models) == 4
    assert '<span class="badge badge-good">local</span>' in part


def test_many_models_are_bounded_and_cost_as_many_queries_as_few(browser: Client, lab: Connection) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as seen:
            offered(browser, lab)
        return len(seen)

    offered(browser, lab)
    few = queries()
    CatalogueModel.objects.bulk_create(
        CatalogueModel(connection=lab, model=f"many/{n:04}") for n in range(1500)
    )
    assert queries() <= few + 1, "one more to count them"
    models, part = offered(browser, lab)
    assert len(models) == 60
    assert "The first 60 of 1,504 models" in part


def test_another_teams_models_are_not_offered(
    client_for: Callable[[User | None], Client],
    charlie: User,
    lab: Connection,
    team: Team,
    models_server: ModelsServer,
) -> None:
    models_server.keys.clear()
    stranger = client_for(charlie)
    own, _ = offered(stranger, lab, team=team.pk)
    assert not any(model.startswith(("lab/", "qwen/")) for model in own)
    assert models_server.keys == [], "and their server is not asked"


def test_a_saved_model_comes_with_its_figures(browser: Client, lab: Connection, place: Membership) -> None:
    offered(browser, lab)
    pool = save_pool(place, {"name": "One", "members": [{"connection": lab.pk, "model": "lab/writer"}]})
    page = browser.get(f"/pools/{pool.pk}/").content.decode()
    assert ">lab · 9,000 tokens context · price unknown · text only</p>" in page


def test_a_program_finds_models(
    program_of: Callable[[User | None], Program], bob: User, browser: Client, lab: Connection
) -> None:
    offered(browser, lab)
    call = program_of(bob)
    found: list[dict[str, Any]] = call("GET", "models?q=lab&order=price").json()["items"]
    assert [each["id"] for each in found] == ["lab/seer", "qwen/alpha", "lab/beta", "lab/writer"]
    assert found[0]["input_modalities"] == ["text", "image"]
    assert (found[0]["free"], found[0]["local"], found[0]["connection"]) == (True, False, lab.pk)
    assert (found[2]["input_modalities"], found[2]["completion_price"], found[2]["family"]) == (
        None,
        None,
        "lab",
    )
