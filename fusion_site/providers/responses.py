"""What is checked and read of a response before anybody trusts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import httpx

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.endpoint import AskFailed
from fusion_site.providers.errors import from_reply, sentence
from fusion_site.providers.network import WireStream
from fusion_site.providers.reports import Report, read_report_bytes

ERROR_CAP = 64 << 10


def refuse_detours(response: httpx.Response) -> None:
    """Refuse a redirect, which may lead anywhere, and a compressed body, which may be a bomb. Raises AskFailed."""
    if 300 <= response.status_code < 400:
        reason = "it redirects to another address, which is not followed; enter the final address as base URL"
        raise _not_understood(reason, response.status_code)
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _not_understood("it is compressed although that was not accepted", response.status_code)


async def raw_body(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Give the bytes of the body as they come. Raises httpx.HTTPError.

    Most of a stream is short chunks, which the connection takes apart by itself at a fraction of the cost; how a body
    ends, and whatever is not that plain, is read by httpx.
    """
    connection = response.extensions.get("network_stream")
    if isinstance(connection, WireStream):
        while content := await connection.content():
            yield content
    # httpx declares less than it returns.
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw())) as rest:
        async for data in rest:
            yield data


async def refusal_of(response: httpx.Response, until: float) -> tuple[AskError, Report]:
    """Give the error of a response with a failing status, and what its body said by `until` (loop time)."""
    body = bytearray()
    try:
        async with asyncio.timeout_at(until):
            await read_into(body, response, ERROR_CAP)
    except (httpx.HTTPError, TimeoutError):
        pass  # cut short: the status, the headers and the part that came still say what is wrong
    report = read_report_bytes(bytes(body))
    return from_reply(response.status_code, response.headers, report), report


async def read_into(body: bytearray, response: httpx.Response, cap: int) -> None:
    """Read a response into `body`, not further than one piece beyond `cap` bytes. Raises httpx.HTTPError."""
    async with aclosing(raw_body(response)) as stream:
        async for data in stream:
            body += data
            if len(body) > cap:
                break


def _not_understood(reason: str, status: int) -> AskFailed:
    return AskFailed(AskError(ErrorKind.PROTOCOL, sentence(ErrorKind.PROTOCOL, reason), status=status))
