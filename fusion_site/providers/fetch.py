"""Small requests whose reply is read as a whole: catalogues, and all about keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

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
    async with _exchange(clients, url, within_s) as client:
        try:
            body = await _read(client, client.build_request("GET", url, headers=headers))
        except httpx.HTTPError as error:
            if not is_drop(error) or isinstance(error, httpx.ConnectError):
                raise
            # A kept connection may have been closed at the other end meanwhile; asking again costs nothing.
            body = await _read(client, client.build_request("GET", url, headers=headers))
    return _document(body)


async def post_json(
    clients: Clients, url: httpx.URL, headers: dict[str, str], content: bytes, within_s: float
) -> object:
    """Give the JSON reply to a document that is sent once, and not again if the connection drops. Raises AskFailed."""
    headers = headers | {"content-type": "application/json"}
    async with _exchange(clients, url, within_s) as client:
        body = await _read(client, client.build_request("POST", url, headers=headers, content=content))
    return _document(body)


async def post_form(
    clients: Clients, url: httpx.URL, headers: dict[str, str], fields: dict[str, str], within_s: float
) -> object:
    """Give the JSON reply to a form that is sent once, and not again if the connection drops. Raises AskFailed."""
    async with _exchange(clients, url, within_s) as client:
        body = await _read(client, client.build_request("POST", url, headers=headers, data=fields))
    return _document(body)


async def post_notice(
    clients: Clients, url: httpx.URL, headers: dict[str, str], content: bytes, within_s: float
) -> int:
    """Give the status with which a JSON document is answered that is sent once; nothing else of the answer is read. Raises AskFailed."""
    headers = headers | {"content-type": "application/json"}
    async with _exchange(clients, url, within_s) as client:
        request = client.build_request("POST", url, headers=headers, content=content)
        response = await client.send(request, stream=True)
        await response.aclose()
        return response.status_code


@asynccontextmanager
async def _exchange(
    clients: Clients, url: httpx.URL, within_s: float
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """Lend a client for `within_s` seconds; whatever fails by then is told as AskFailed."""
    try:
        async with asyncio.timeout(within_s), clients.lease(url) as client:
            yield client
    except TimeoutError as error:
        message = f"{url.host} did not answer within {within_s:g} s."
        raise AskFailed(AskError(ErrorKind.TIMEOUT, message, retryable=True)) from error
    except httpx.HTTPError as error:
        raise AskFailed(from_exception(error, url.host)) from error


def _document(body: bytes) -> object:
    try:
        return load_json(body)
    except Malformed as error:
        web_page = body.lstrip().startswith(b"<")
        raise _not_an_api("it is a web page" if web_page else "it is not JSON") from error


async def _read(client: httpx.AsyncClient, request: httpx.Request) -> bytes:
    response = await client.send(request, stream=True)
    async with aclosing(response):
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
