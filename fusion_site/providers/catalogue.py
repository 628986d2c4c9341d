"""The models that a connection offers, read from every shape of `/models`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.clients import Clients, url_under
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.endpoint import AskFailed, Endpoint
from fusion_site.providers.errors import sentence
from fusion_site.providers.fetch import fetch_json
from fusion_site.providers.guard import host_port
from fusion_site.providers.prices import UNKNOWN, Prices, read_overrides
from fusion_site.providers.shapes import as_amount, as_count, as_dict, as_list, as_text, one_line, storable

MOST_PAGES = 20
MOST_MODELS = 20_000
LONGEST_ID = 300
MOST_MODALITIES = 8
IMAGE = "image"

# Where servers put the window: OpenRouter, vLLM, Groq, LM Studio and Mistral, llama-server (in `meta`).
WINDOWS = ("context_length", "max_model_len", "context_window", "max_context_length", "n_ctx", "n_ctx_train")


_MODALITY = re.compile(r"[a-z]{1,20}")


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model on offer. `input_modalities` are what it takes: text, image, file …; None is unknown."""

    id: str
    name: str
    context_length: int | None = None
    prices: Prices = UNKNOWN
    input_modalities: tuple[str, ...] | None = None


async def fetch_catalogue(
    clients: Clients, endpoint: Endpoint, headers: dict[str, str], clocks: Clocks
) -> list[CatalogueModel]:
    """Give all models of `endpoint` in its own order, following pages of the same origin. Raises AskFailed."""
    url: httpx.URL | None = url_under(endpoint.base_url, "/models")
    models: dict[str, CatalogueModel] = {}
    for _ in range(MOST_PAGES):
        if url is None or len(models) >= MOST_MODELS:
            break
        page = await fetch_json(clients, url, headers, clocks.fetch_s)
        for model in read_catalogue(page):
            models.setdefault(model.id, model)
        url = _next_page(url, page)
    return list(models.values())


def read_catalogue(page: object) -> list[CatalogueModel]:
    """Give the models on one page: `{data: [...]}`, `{models: [...]}`, or a bare array (Together).

    `data` may be null (Ollama without models); entries that name no model are passed over. Raises AskFailed if
    `page` is no catalogue at all.
    """
    if isinstance(page, list):
        entries = page
    else:
        fields = as_dict(page)
        if "data" not in fields and "models" not in fields:
            message = "it lists no models. Is this the base URL of an OpenAI-compatible API?"
            raise AskFailed(AskError(ErrorKind.PROTOCOL, sentence(ErrorKind.PROTOCOL, message)))
        # llama-server sends both; `models` has names where `data` has ids.
        entries = next(
            (value for key in ("data", "models") if isinstance(value := fields.get(key), list)), []
        )
    return list(_models(entries))


def _models(entries: Iterable[object]) -> Iterator[CatalogueModel]:
    for entry in entries:
        fields = {"id": entry} if isinstance(entry, str) else as_dict(entry)
        ids = (as_text(fields.get(key)) for key in ("id", "model", "name"))
        model_id = next(filter(None, ids), "")
        if model_id and len(model_id) <= LONGEST_ID and model_id == storable(model_id):
            yield _model(model_id, fields)


def _model(model_id: str, fields: dict[str, Any]) -> CatalogueModel:
    pricing = as_dict(fields.get("pricing"))
    name = as_text(fields.get("name")) or as_text(fields.get("display_name"))
    return CatalogueModel(
        id=model_id,
        name=one_line(name, 200) or one_line(model_id, 200),
        context_length=_window(fields),
        prices=Prices(
            as_amount(pricing.get("prompt")),
            as_amount(pricing.get("completion")),
            read_overrides(pricing.get("overrides")),
        ),
        input_modalities=_input_modalities(fields),
    )


def _input_modalities(fields: dict[str, Any]) -> tuple[str, ...] | None:
    """Read what goes into a model: OpenRouter's `architecture.input_modalities`, Mistral's `capabilities.vision`; else None."""
    told = as_dict(fields.get("architecture")).get("input_modalities", fields.get("input_modalities"))
    words = [word for word in as_list(told) if isinstance(word, str) and _MODALITY.fullmatch(word)]
    if not words and isinstance(vision := as_dict(fields.get("capabilities")).get("vision"), bool):
        words = ["text", IMAGE] if vision else ["text"]
    return tuple(words[:MOST_MODALITIES]) or None


def _window(fields: dict[str, Any]) -> int | None:
    places = (fields, as_dict(fields.get("top_provider")), as_dict(fields.get("meta")))
    counts = (as_count(place.get(key)) for place in places for key in WINDOWS)
    return next(filter(None, counts), None)


def _next_page(url: httpx.URL, page: object) -> httpx.URL | None:
    """Give the next page's address unless it leaves the origin, where the key must not follow."""
    link = as_text(as_dict(as_dict(page).get("links")).get("next"))
    if not link:
        return None
    try:
        following = url.join(link)
    except httpx.InvalidURL:
        return None
    same = following.scheme == url.scheme and host_port(following) == host_port(url)
    return following if same and following != url else None
