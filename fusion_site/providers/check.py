"""Testing a connection without spending anything: is it there, is it an API, is the key good, has it models?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.catalogue import fetch_catalogue
from fusion_site.providers.clients import Clients
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.endpoint import AskFailed, Endpoint
from fusion_site.providers.errors import LEADS
from fusion_site.providers.keys import KeyFacts, fetch_key

NO_KEY = AskError(ErrorKind.AUTH, "OpenRouter needs an API key.")
NO_MODELS = AskError(
    ErrorKind.NOT_FOUND,
    "The server answers as an API should, but offers no models; load or install one there first.",
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a connection works as far as can be seen without asking a model; `error` says what is wrong.

    `key` is what OpenRouter tells of the key, if it came to that.
    """

    ok: bool
    error: AskError | None = None
    key: KeyFacts | None = None


async def check_endpoint(
    clients: Clients, endpoint: Endpoint, headers: dict[str, str], clocks: Clocks
) -> CheckResult:
    """Give the result of testing `endpoint`. OpenRouter lists its models to anybody; only /key tells of the key."""
    key = None
    try:
        if endpoint.kind == "openrouter":
            if not endpoint.api_key:
                return CheckResult(False, NO_KEY)
            key = await fetch_key(clients, endpoint, headers, clocks)
        models = await fetch_catalogue(clients, endpoint, headers, clocks)
    except AskFailed as failed:
        return CheckResult(False, _explained(failed.error, endpoint), key)
    return CheckResult(True, key=key) if models else CheckResult(False, NO_MODELS, key)


def _explained(error: AskError, endpoint: Endpoint) -> AskError:
    """Say of a refusal what it means for a connection, in place of what it would mean for an ask."""
    if error.kind is ErrorKind.NOT_FOUND:
        lead = "There is no API at this base URL (most end in /v1)"
    elif error.kind is ErrorKind.AUTH and not endpoint.api_key:
        lead = "The server wants an API key, and this connection has none"
    else:
        return error
    return replace(error, message=lead + error.message.removeprefix(LEADS[error.kind]))
