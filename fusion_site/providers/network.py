"""The connections of `wire` as httpcore uses them, in its own terms and with its own exceptions."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

from fusion_site.providers.wire import Pace, Wire


class WireStream(httpcore.AsyncNetworkStream):
    """A Wire as httpcore uses it. Timeouts are seconds; they and broken connections raise httpcore's exceptions."""

    def __init__(self, wire: Wire, transport: asyncio.Transport) -> None:
        self._wire, self._transport = wire, transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Give the next bytes, none at the end."""
        with _mapped(httpcore.ReadTimeout, httpcore.ReadError):
            async with asyncio.timeout(timeout):
                return await self._wire.read(max_bytes)

    async def content(self) -> bytes:
        """Give the next bytes of a chunked body without its framing; nothing where `read` has to go on."""
        return await self._wire.content()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        if buffer:
            with _mapped(httpcore.WriteTimeout, httpcore.WriteError):
                async with asyncio.timeout(timeout):
                    await self._wire.write(buffer)

    async def aclose(self) -> None:
        """Close at once: nobody waits for a peer that does not answer."""
        self._wire.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Give the same connection under TLS."""
        loop = asyncio.get_running_loop()
        try:
            with _mapped(httpcore.ConnectTimeout, httpcore.ConnectError):
                async with asyncio.timeout(timeout):
                    secured = await loop.start_tls(
                        self._transport, self._wire, ssl_context, server_hostname=server_hostname
                    )
        except BaseException:
            self._wire.abort()
            raise
        if secured is None:
            raise httpcore.ConnectError("closed during the handshake")
        self._wire.connection_made(secured)
        return WireStream(self._wire, secured)

    def get_extra_info(self, info: str) -> Any:
        """Give what httpcore asks for by these names."""
        if info == "is_readable":
            return self._wire.has_news
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


async def connect(address: str, port: int, pace: Pace, timeout: float | None) -> WireStream:
    """Connect to an address within `timeout` seconds. Raises httpcore's ConnectError or ConnectTimeout."""
    loop = asyncio.get_running_loop()
    with _mapped(httpcore.ConnectTimeout, httpcore.ConnectError):
        async with asyncio.timeout(timeout):
            transport, wire = await loop.create_connection(lambda: Wire(pace), address, port)
    return WireStream(wire, transport)


@contextmanager
def _mapped(timeout: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error
