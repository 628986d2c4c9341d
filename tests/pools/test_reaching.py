"""From a connection to the models behind it, over real sockets."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings
from django.core.exceptions import PermissionDenied

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.compact.statefile import Address, write_state_file
from fusion_site.engine.asking import Ask, AskFinished, AskText, ErrorKind, Message, ModelRef, Outcome
from fusion_site.pools import reaching
from fusion_site.pools.flows.check_connection import check_connection
from fusion_site.pools.flows.refresh_catalogue import refresh_catalogue, refresh_local_catalogues
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.starter import ensure_local_connections
from fusion_site.pools.freezing import freeze
from fusion_site.pools.models import CatalogueModel, Connection, Kind, Preset
from fusion_site.providers import AskFailed, EndpointUnavailable, Providers
from tests.pools.models_server import ModelsServer


@asynccontextmanager
async def reach() -> AsyncIterator[None]:
    """Close the loop's clients at the end, as a loop's owner has to."""
    try:
        yield
    finally:
        await reaching.close_providers()


@pytest.fixture
def lab(place: Membership, models_server: ModelsServer) -> Connection:
    """Give a connection to the server that lists models."""
    given = {"name": "Lab", "kind": "openai", "base_url": models_server.url, "api_key": "sk-lab-12345"}
    return save_connection(place, given)


async def refused(connection: Connection) -> tuple[ErrorKind, str]:
    """Give why a connection has no endpoint."""
    with pytest.raises(EndpointUnavailable) as caught:
        await reaching.endpoint(connection.pk)
    return caught.value.error.kind, caught.value.error.message


async def test_the_key_is_opened_for_its_own_address_only(lab: Connection) -> None:
    endpoint = await reaching.endpoint(lab.pk)
    assert (endpoint.base_url, endpoint.api_key, endpoint.kind) == (lab.base_url, "sk-lab-12345", "openai")
    assert "sk-lab" not in repr(endpoint)
    await sync_to_async(Connection.objects.filter(pk=lab.pk).update)(base_url="https://evil.example.com/v1")
    kind, message = await refused(lab)
    assert kind is ErrorKind.AUTH
    assert "sk-lab" not in message


async def test_a_key_moved_to_another_row_opens_nothing(place: Membership, lab: Connection) -> None:
    thief = await sync_to_async(save_connection)(
        place, {"name": "T", "kind": "openai", "base_url": lab.base_url}
    )
    await sync_to_async(Connection.objects.filter(pk=thief.pk).update)(sealed_key=lab.sealed_key)
    assert (await refused(thief))[0] is ErrorKind.AUTH


async def test_a_key_of_a_ring_that_is_gone_has_to_be_typed_again(
    lab: Connection, settings: LazySettings
) -> None:
    settings.FUSION_SEALING_KEYS = ["6iZ0lqtj4hJ4CqmP1rQ0xKzqN2XG8o0vT3mWcY5uE9I="]
    assert "type it again" in (await refused(lab))[1]


async def test_connections_that_lead_nowhere_say_why(
    place: Membership, settings: LazySettings, tmp_path: Path
) -> None:
    def made(**given: str) -> Connection:
        return save_connection(place, {"name": "X", **given})

    router = await sync_to_async(made)(kind="openrouter")
    assert (await refused(router))[0] is ErrorKind.AUTH
    settings.FUSION_COMPACT_STATE = tmp_path / "compact.json"
    compact = await sync_to_async(made)(kind="compact")
    assert "not running" in (await refused(compact))[1]
    settings.FUSION_REHEARSAL = False
    rehearsal = await Connection.objects.aget(team=place.team, kind="rehearsal")
    assert "switched off" in (await refused(rehearsal))[1]
    gone = Connection(pk="a" * 24)
    assert (await refused(gone))[0] is ErrorKind.NOT_FOUND


async def test_the_compact_host_is_found_by_its_state_file(
    place: Membership, settings: LazySettings, tmp_path: Path, models_server: ModelsServer
) -> None:
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset()
    settings.FUSION_COMPACT_STATE = tmp_path / "compact.json"
    host, _, port = models_server.host_port.partition(":")
    write_state_file(settings.FUSION_COMPACT_STATE, Address(host, int(port), "host-key", os.getpid()))
    row = await sync_to_async(save_connection)(place, {"name": "Here", "kind": "compact"})
    async with reach():
        assert await check_connection(place, row) is None
    assert set(models_server.keys) == {"Bearer host-key"}


async def test_a_local_host_is_asked_once_for_all_teams_and_runs_know_its_window(
    place: Membership, charlie: User, settings: LazySettings, tmp_path: Path, models_server: ModelsServer
) -> None:
    settings.FUSION_COMPACT_STATE = tmp_path / "compact.json"
    settings.FUSION_COMPACT_MODEL = Path("tiny-file.gguf")
    host, _, port = models_server.host_port.partition(":")
    write_state_file(settings.FUSION_COMPACT_STATE, Address(host, int(port), "host-key", os.getpid()))
    models_server.body = {"data": [{"id": "Tiny Llama", "meta": {"n_ctx": 2048}}]}
    await sync_to_async(ensure_local_connections)()
    async with reach():
        await refresh_local_catalogues(Kind.COMPACT)
    assert len(models_server.keys) == 1
    presets = [preset async for preset in Preset.objects.filter(slug="compact")]
    assert len(presets) == await Team.objects.acount()
    for preset in presets:
        frozen = await sync_to_async(freeze)(preset, (Message("user", "Why?"),), seed=1)
        assert (frozen.judge.model.model, frozen.judge.window) == ("tiny-file", 2048)
        assert frozen.judge.reads_ahead


async def test_a_good_connection_is_ready_and_its_catalogue_is_kept(
    place: Membership, lab: Connection, models_server: ModelsServer
) -> None:
    models_server.body = {
        "data": [
            {
                "id": "lab/alpha",
                "name": "Alpha",
                "context_length": 128_000,
                "pricing": {"prompt": "0.000003", "completion": "0.000015"},
            },
            {"id": "lab/beta", "pricing": {"prompt": "-1", "completion": "-1"}},
        ]
    }
    async with reach():
        assert await check_connection(place, lab) is None
    row = await Connection.objects.aget(pk=lab.pk)
    assert row.state == "ready"
    assert row.checked_at is not None
    alpha, beta = [model async for model in CatalogueModel.objects.filter(connection=lab)]
    assert (alpha.name, alpha.context_length, alpha.prompt_price) == ("Alpha", 128_000, Decimal("0.000003"))
    assert (beta.prompt_price, beta.completion_price) == (None, None)
    assert set(models_server.keys) == {"Bearer sk-lab-12345"}


async def test_a_bad_connection_says_what_is_wrong_until_it_works(
    place: Membership, lab: Connection, models_server: ModelsServer
) -> None:
    models_server.status, models_server.body = 401, {"error": {"message": "Bad key sk-lab-12345"}}
    async with reach():
        fault = await check_connection(place, lab)
        assert fault is not None
        assert fault.kind is ErrorKind.AUTH
        row = await Connection.objects.aget(pk=lab.pk)
        assert row.state == "failing"
        assert "sk-lab" not in str(row.check_error)
        models_server.status, models_server.body = 200, {"data": [{"id": "a"}]}
        assert await check_connection(place, lab) is None
    assert (await Connection.objects.aget(pk=lab.pk)).state == "ready"


async def test_a_check_says_nothing_about_an_address_that_came_meanwhile(
    place: Membership, lab: Connection, models_server: ModelsServer
) -> None:
    models_server.status, models_server.gate = 401, threading.Event()
    async with reach():
        checking = asyncio.ensure_future(check_connection(place, lab))
        assert await asyncio.to_thread(models_server.asked.wait, 30)
        elsewhere = {"base_url": "https://else.example.com/v1", "api_key": "sk-else-12345"}
        await sync_to_async(save_connection)(place, elsewhere, lab)
        models_server.gate.set()
        await checking
    row = await Connection.objects.aget(pk=lab.pk)
    assert (row.check_error, row.state) == (None, "ready")


async def test_a_catalogue_that_comes_after_a_move_is_not_kept(
    place: Membership, lab: Connection, models_server: ModelsServer
) -> None:
    models_server.gate = threading.Event()
    async with reach():
        asking = asyncio.ensure_future(refresh_catalogue(lab))
        assert await asyncio.to_thread(models_server.asked.wait, 30)
        await sync_to_async(save_connection)(place, {"base_url": "https://else.example.com/v1"}, lab)
        models_server.gate.set()
        await asking
    assert not await CatalogueModel.objects.filter(connection=lab).aexists()


async def test_the_catalogue_is_asked_once_an_hour(lab: Connection, models_server: ModelsServer) -> None:
    async with reach():
        for _ in range(3):
            await refresh_catalogue(lab)
        assert len(models_server.keys) == 1
        models_server.body = {"data": [{"id": "newer"}]}
        await refresh_catalogue(lab, anew=True)
    assert [model.model async for model in CatalogueModel.objects.filter(connection=lab)] == ["newer"]


async def test_a_catalogue_that_cannot_be_had_leaves_what_was_known(
    lab: Connection, models_server: ModelsServer
) -> None:
    async with reach():
        await refresh_catalogue(lab)
        models_server.status = 503
        with pytest.raises(AskFailed):
            await refresh_catalogue(lab, anew=True)
    assert await CatalogueModel.objects.filter(connection=lab).acount() == 1


async def test_absurd_figures_are_kept_as_unknown(lab: Connection, models_server: ModelsServer) -> None:
    pricing: dict[str, Any] = {"prompt": "99999999999", "completion": "0.00000000000000000001"}
    pricing["overrides"] = [{"min_prompt_tokens": 9, "prompt": "-1"}]
    models_server.body = {"data": [{"id": "odd", "context_length": 10**15, "pricing": pricing}]}
    async with reach():
        await refresh_catalogue(lab)
    odd = await CatalogueModel.objects.aget(connection=lab)
    assert (odd.context_length, odd.prompt_price) == (None, None)
    assert odd.completion_price == 0
    assert odd.overrides == [{"min_prompt_tokens": 9, "prompt": None}]


async def test_viewers_do_not_test_connections(
    place: Membership, lab: Connection, dave: User, models_server: ModelsServer
) -> None:
    viewer = await Membership.objects.aget(user=dave, team=place.team)
    with pytest.raises(PermissionDenied):
        await check_connection(viewer, lab)
    assert models_server.keys == []


async def test_the_rehearsal_models_answer_over_http_when_first_asked(place: Membership) -> None:
    row = await Connection.objects.aget(team=place.team, kind="rehearsal")
    async with reach():
        assert await check_connection(place, row) is None
        ask = Ask(ModelRef(row.pk, "rehearsal/planner"), (Message("user", "How do I plan a harvest?"),))
        events = [event async for event in reaching.asker().ask(ask)]
    last = events[-1]
    assert isinstance(last, AskFinished)
    assert last.outcome is Outcome.COMPLETE
    assert "harvest" in "".join(event.text for event in events if isinstance(event, AskText)).lower()
    listed = [model.model async for model in CatalogueModel.objects.filter(connection=row)]
    assert {"rehearsal/planner", "rehearsal/storyteller", "rehearsal/scholar", "rehearsal/judge"} <= set(
        listed
    )


async def test_an_ask_goes_through_the_connection_and_ends_with_its_error(lab: Connection) -> None:
    """A listing server is no chat server: what matters here is that the ask ends, with a reason, and raises nothing."""
    async with reach():
        ask = Ask(ModelRef("a" * 24, "m"), (Message("user", "Why?"),))
        events = [event async for event in reaching.asker().ask(ask)]
    last = events[-1]
    assert isinstance(last, AskFinished)
    assert (last.outcome, last.error and last.error.kind) == (Outcome.ERROR, ErrorKind.NOT_FOUND)


def test_each_loop_has_clients_of_its_own() -> None:
    async def held() -> Providers:
        found = reaching.providers()
        assert reaching.providers() is found
        await reaching.close_providers()
        return found

    assert asyncio.run(held()) is not asyncio.run(held())
