"""Small requests whose reply is read as a whole: catalogues and key checks."""

from __future__ import annotations

import asyncio

import httpx

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.clients import Clients
from fusion_site.providers.endpoint import AskFailed
from fusion_site.providers.errors import from_exception, is_drop, sentence
from fusion_site.providers.responses import read_into, refusal_of, refuse_detours
from fusion_site.providers.shapes import Malformed, load_json

DOCUMENT_CAP = 32 << 20
"""Bytes of one page of a catalogue; OpenRouter's whole list takes about one MiB."""
ERROR_BODY_S = 5.0


async def fetch_json(clients: Clients, url: httpx.URL, headers: dict[str, str], within_s: float) -> object:
    """Give the JSON document at `url`, read within `within_s` seconds. Raises AskFailed."""
    try:
        async with asyncio.timeout(within_s), clients.lease(url) as client:
            body = await _body(client, url, headers)
    except TimeoutError as error:
        message = f"{url.host} did not answer within {within_s:g} s."
        raise AskFailed(AskError(ErrorKind.TIMEOUT, message, retryable=True)) from error
    try:
        return load_json(body)
    except Malformed as error:
        web_page = body.lstrip().startswith(b"<")
        raise _not_an_api("it is a web page" if web_page else "it is not JSON") from error


async def _body(client: httpx.AsyncClient, url: httpx.URL, headers: dict[str, str]) -> bytes:
    try:
        return await _read(client, url, headers)
    except httpx.HTTPError as error:
        if not is_drop(error) or isinstance(error, httpx.ConnectError):
            raise AskFailed(from_exception(error, url.host)) from error
    try:
        # A kept connection may have been closed at the other end meanwhile; asking again costs nothing.
        return await _read(client, url, headers)
    except httpx.HTTPError as error:
        raise AskFailed(from_exception(error, url.host)) from error


async def _read(client: httpx.AsyncClient, url: httpx.URL, headers: dict[str, str]) -> bytes:
    async with client.stream("GET", url, headers=headers) as response:
        refuse_detours(response)
        if not response.is_success:
            until = asyncio.get_running_loop().time() + ERROR_BODY_S
            raise AskFailed((await refusal_of(response, until))[0])
        body = bytearray()
        await read_into(body, response, DOCUMENT_CAP)
    if len(body) > DOCUMENT_CAP:
        raise _not_an_api(f"it is longer than {DOCUMENT_CAP >> 20} MiB")
    return bytes(body)


def _not_an_api(reason: str) -> AskFailed:
    message = sentence(ErrorKind.PROTOCOL, f"{reason}. Is this the base URL of an OpenAI-compatible API?")
    return AskFailed(AskError(ErrorKind.PROTOCOL, message))
