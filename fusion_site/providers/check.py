"""Testing a connection without spending anything: is it there, is it an API, is the key good, has it models?"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.catalogue import fetch_catalogue
from fusion_site.providers.clients import Clients, url_under
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.endpoint import AskFailed, Endpoint
from fusion_site.providers.fetch import fetch_json


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a connection works as far as can be seen without asking a model; `error` says what is wrong."""

    ok: bool
    error: AskError | None = None


async def check_endpoint(
    clients: Clients, endpoint: Endpoint, headers: dict[str, str], clocks: Clocks
) -> CheckResult:
    """Give the result of testing `endpoint`."""
    try:
        if endpoint.kind == "openrouter":
            await _check_key(clients, endpoint, headers, clocks)
        models = await fetch_catalogue(clients, endpoint, headers, clocks)
    except AskFailed as failed:
        return CheckResult(False, _explained(failed.error))
    if not models:
        message = "The server answers as an API should, but offers no models."
        return CheckResult(False, AskError(ErrorKind.NOT_FOUND, message))
    return CheckResult(True)


async def _check_key(clients: Clients, endpoint: Endpoint, headers: dict[str, str], clocks: Clocks) -> None:
    """OpenRouter lists its models to anybody; only /key tells whether the key is good. Raises AskFailed."""
    if not endpoint.api_key:
        raise AskFailed(AskError(ErrorKind.AUTH, "OpenRouter needs an API key."))
    try:
        await fetch_json(clients, url_under(endpoint.base_url, "/key"), headers, clocks.fetch_s)
    except AskFailed as failed:
        if failed.error.kind is not ErrorKind.NOT_FOUND:
            raise  # a stand-in for OpenRouter may not know this address; its catalogue will tell


def _explained(error: AskError) -> AskError:
    if error.kind is not ErrorKind.NOT_FOUND:
        return error
    message = f"{error.message.rstrip('.')}. There is no API at this base URL; most end in /v1."
    return replace(error, message=message)
