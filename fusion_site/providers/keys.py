"""OpenRouter's keys: what `/key` tells of one, and getting one for the code that a person came back with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import orjson

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.clients import Clients, url_under
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.endpoint import AskFailed, Endpoint
from fusion_site.providers.errors import sentence
from fusion_site.providers.fetch import fetch_json, post_json
from fusion_site.providers.request import KEY
from fusion_site.providers.shapes import as_amount, as_dict, as_text

LONGEST_KEY = 4096


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is known of a key; amounts are USD, and what is left is below zero where a key is overdrawn.

    None is unknown; a key without a limit of its own has neither `limit` nor `limit_remaining`.
    """

    limit_remaining: Decimal | None = None
    limit: Decimal | None = None
    usage: Decimal | None = None
    is_free_tier: bool | None = None
    expires_at: datetime | None = None


async def fetch_key(
    clients: Clients, endpoint: Endpoint, headers: dict[str, str], clocks: Clocks
) -> KeyFacts | None:
    """Give what OpenRouter tells of the endpoint's key; None where `/key` is not known. Raises AskFailed."""
    try:
        document = await fetch_json(clients, url_under(endpoint.base_url, "/key"), headers, clocks.fetch_s)
    except AskFailed as failed:
        if failed.error.kind is not ErrorKind.NOT_FOUND:
            raise
        return None  # a stand-in for OpenRouter may not know this address; its catalogue will tell
    return read_key(document)


def read_key(document: object) -> KeyFacts:
    """Give the facts in the reply of `/key`, whatever its shape."""
    data = as_dict(as_dict(document).get("data"))
    is_free = data.get("is_free_tier")
    return KeyFacts(
        limit_remaining=_balance(data.get("limit_remaining")),
        limit=as_amount(data.get("limit")),
        usage=as_amount(data.get("usage")),
        is_free_tier=is_free if isinstance(is_free, bool) else None,
        expires_at=_moment(as_text(data.get("expires_at"))),
    )


async def exchange_code(
    clients: Clients, base_url: str, code: str, verifier: str, headers: dict[str, str], clocks: Clocks
) -> str:
    """Give the key that a code of OpenRouter's OAuth flow (PKCE, S256) stands for. Raises AskFailed.

    Sent once only: a code is used up by the first request that arrives.
    """
    wanted = {"code": code, "code_verifier": verifier, "code_challenge_method": "S256"}
    url = url_under(base_url, "/auth/keys")
    reply = as_dict(await post_json(clients, url, headers, orjson.dumps(wanted), clocks.fetch_s))
    key = as_text(reply.get("key"))
    if len(key) > LONGEST_KEY or not KEY.fullmatch(key):
        raise AskFailed(AskError(ErrorKind.PROTOCOL, sentence(ErrorKind.PROTOCOL, "it holds no key")))
    return key


def _balance(value: object) -> Decimal | None:
    amount = as_amount(value)
    if amount is not None or isinstance(value, bool) or not isinstance(value, int | float):
        return amount
    owed = as_amount(-value)
    return None if owed is None else -owed


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
