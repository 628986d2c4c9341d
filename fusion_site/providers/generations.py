"""What OpenRouter tells of one call afterwards, also of one whose stream was cut before its usage came."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fusion_site.engine.asking import ErrorKind, Usage
from fusion_site.providers.clients import Clients, url_under
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.endpoint import AskFailed, Endpoint
from fusion_site.providers.fetch import fetch_json
from fusion_site.providers.shapes import as_amount, as_count, as_dict, as_text, one_line


@dataclass(frozen=True, slots=True)
class Generation:
    """One call as its server counted it in the end; `cost_usd` and counts that are None are unknown, not zero."""

    cost_usd: Decimal | None = None
    usage: Usage = field(default_factory=Usage)
    provider: str | None = None


async def fetch_generation(
    clients: Clients, endpoint: Endpoint, name: str, headers: dict[str, str], clocks: Clocks
) -> Generation | None:
    """Give what is told of the call `name`; None where it is not known yet, which takes seconds or minutes.

    Raises AskFailed for every other failure.
    """
    url = url_under(endpoint.base_url, "/generation").copy_merge_params({"id": name})
    try:
        document = await fetch_json(clients, url, headers, clocks.fetch_s)
    except AskFailed as failed:
        if failed.error.kind is not ErrorKind.NOT_FOUND:
            raise
        return None
    return read_generation(document)


def read_generation(document: object) -> Generation:
    """Give the generation in the reply of `/generation`, whatever its shape."""
    data = as_dict(as_dict(document).get("data"))
    usage = Usage(
        prompt_tokens=_count(data, "prompt"),
        completion_tokens=_count(data, "completion"),
        reasoning_tokens=as_count(data.get("native_tokens_reasoning")),
        cached_tokens=as_count(data.get("native_tokens_cached")),
    )
    return Generation(_cost(data), usage, one_line(as_text(data.get("provider_name")), 80) or None)


def _cost(data: dict[str, Any]) -> Decimal | None:
    """With a key of one's own (`is_byok`) the provider's bill comes on top of OpenRouter's fee, as in a stream's usage."""
    cost = as_amount(data.get("total_cost"))
    if cost is None or data.get("is_byok") is not True:
        return cost
    upstream = as_amount(data.get("upstream_inference_cost"))
    return None if upstream is None else cost + upstream


def _count(data: dict[str, Any], side: str) -> int | None:
    """Tokens by the model's own tokenizer, which are those that are billed and that a stream's usage counts."""
    native = as_count(data.get(f"native_tokens_{side}"))
    return as_count(data.get(f"tokens_{side}")) if native is None else native
