"""`/models` in every shape, and what prices mean."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fusion_site.engine.asking import ErrorKind
from fusion_site.providers import AskFailed, CatalogueModel, Prices, read_catalogue
from tests.providers.server import RawServer, Script, body, providers_for


def ids(page: object) -> list[str]:
    return [model.id for model in read_catalogue(page)]


async def fetch(*scripts: Script, **endpoint: Any) -> list[CatalogueModel]:
    async with RawServer(scripts) as server:
        providers = providers_for(server)
        try:
            return await providers.models(server.endpoint(**endpoint))
        finally:
            await providers.aclose()


OPENROUTER = {
    "id": "vendor/model",
    "name": "Vendor: Model",
    "context_length": 200000,
    "pricing": {"prompt": "0.00003", "completion": "0.00006", "discount": 0, "overrides": []},
    "top_provider": {"context_length": 100000, "max_completion_tokens": None},
}


def test_an_openrouter_model() -> None:
    assert read_catalogue({"data": [OPENROUTER], "total_count": 1}) == [
        CatalogueModel(
            "vendor/model", "Vendor: Model", 200000, Prices(Decimal("0.00003"), Decimal("0.00006"))
        )
    ]


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"]),
        ([{"id": "a"}], ["a"]),
        ({"object": "list", "data": None}, []),
        ({"data": []}, []),
        ({"models": [{"name": "a"}]}, ["a"]),
        ({"models": [{"name": "x"}], "object": "list", "data": [{"id": "/srv/a.gguf"}]}, ["/srv/a.gguf"]),
        ({"models": [{"model": "a"}], "data": None}, ["a"]),
        (["a", "b"], ["a", "b"]),
        (
            {"data": [None, 5, {}, {"id": ""}, {"id": 7}, {"id": "x" * 301}, {"id": "a\x00"}, {"id": "a"}]},
            ["a"],
        ),
    ],
)
def test_every_shape_of_list(page: object, found: list[str]) -> None:
    assert ids(page) == found


@pytest.mark.parametrize("page", [{}, {"error": "x"}, "models", 5, None])
def test_what_is_no_list_is_an_error(page: object) -> None:
    with pytest.raises(AskFailed) as caught:
        read_catalogue(page)
    assert caught.value.error.kind is ErrorKind.PROTOCOL


@pytest.mark.parametrize(
    "fields",
    [
        {"context_length": 8192},
        {"context_length": None, "top_provider": {"context_length": 8192}},
        {"max_model_len": 8192},
        {"context_window": 8192},
        {"max_context_length": 8192.0},
        {"meta": {"n_ctx": 8192, "n_ctx_train": 32768}},
    ],
)
def test_the_window_wherever_it_stands(fields: dict[str, Any]) -> None:
    assert read_catalogue([{"id": "a"} | fields])[0].context_length == 8192


@pytest.mark.parametrize("value", [None, 0, -1, "8192", True, 1.5, 1e300])
def test_a_window_that_is_no_count_is_unknown(value: object) -> None:
    assert read_catalogue([{"id": "a", "context_length": value}])[0].context_length is None


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("0.00003", Decimal("0.00003")),
        ("0", Decimal(0)),
        (0, Decimal(0)),
        (3e-05, Decimal("0.00003")),
        ("-1", None),
        (-1, None),
        (None, None),
        ("", None),
        ("cheap", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e99999", None),
        (False, None),
        ({}, None),
    ],
)
def test_prices_are_exact_or_unknown(value: object, price: Decimal | None) -> None:
    model = read_catalogue([{"id": "a", "pricing": {"prompt": value}}])[0]
    assert model.prices == Prices(price, None)


@pytest.mark.parametrize("pricing", [None, "free", [], 5])
def test_pricing_of_strange_shape_is_unknown(pricing: object) -> None:
    assert read_catalogue([{"id": "a", "pricing": pricing}])[0].prices == Prices()


async def test_models_are_asked_for_with_the_key() -> None:
    async with RawServer([body({"data": [OPENROUTER]})]) as server:
        providers = providers_for(server)
        models = await providers.models(server.endpoint())
        await providers.aclose()
        assert [model.id for model in models] == ["vendor/model"]
        assert server.requests[0].line == "GET /v1/models HTTP/1.1"
        assert server.requests[0].headers["authorization"] == "Bearer sk-secret-key"


async def test_pages_are_followed_and_repeats_left_out() -> None:
    first = body({"data": [{"id": "a"}, {"id": "b"}], "links": {"next": "/v1/models?offset=2"}})
    second = body({"data": [{"id": "b"}, {"id": "c"}], "links": {"next": None}})
    async with RawServer([first, second]) as server:
        providers = providers_for(server)
        models = await providers.models(server.endpoint())
        await providers.aclose()
        assert [model.id for model in models] == ["a", "b", "c"]
        assert server.requests[1].line == "GET /v1/models?offset=2 HTTP/1.1"


async def test_the_key_does_not_follow_a_page_to_another_origin() -> None:
    async with RawServer([body({"data": [{"id": "ghost"}]})]) as other:
        page = body({"data": [{"id": "a"}], "links": {"next": f"{other.base_url}/models"}})
        async with RawServer([page]) as server:
            providers = providers_for(server, other)
            models = await providers.models(server.endpoint())
            await providers.aclose()
        assert [model.id for model in models] == ["a"]
        assert other.connections == 0


async def test_pages_that_never_end_are_left_after_some() -> None:
    pages = [
        body({"data": [{"id": str(n)}], "links": {"next": f"/v1/models?offset={n}"}}) for n in range(1, 60)
    ]
    assert len(await fetch(*pages)) == 20


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (body({"error": {"message": "bad key sk-secret-key"}}, 401), ErrorKind.AUTH),
        (body("<html>"), ErrorKind.PROTOCOL),
        (body("hello"), ErrorKind.PROTOCOL),
        (body("", 302, "Location: /elsewhere"), ErrorKind.PROTOCOL),
        (Script([]), ErrorKind.NETWORK),
    ],
)
async def test_a_catalogue_that_cannot_be_had(script: Script, kind: ErrorKind) -> None:
    with pytest.raises(AskFailed) as caught:
        await fetch(script)
    assert caught.value.error.kind is kind
    assert "sk-secret" not in str(caught.value)


async def test_a_catalogue_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusion_site.providers.fetch.DOCUMENT_CAP", 1000)
    with pytest.raises(AskFailed) as caught:
        await fetch(body({"data": [{"id": "x" * 200}] * 10}))
    assert caught.value.error.kind is ErrorKind.PROTOCOL
