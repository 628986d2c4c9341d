"""The outbound guard: where this process may connect, enforced at the address that is really connected to."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore
import httpx

from fusion_site.providers.addresses import is_public
from fusion_site.providers.network import connect
from fusion_site.providers.wire import Pace

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to its addresses, as text."""

# What is left of a host after IDNA: letters, digits and hyphens, or an IPv6 address.
HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+")
DEFAULT_PORTS = {"https": 443, "http": 80}
KEEPALIVE_S = 30.0

SocketOptions = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Give the addresses the operating system knows for `host`, best first. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def host_port(url: httpx.URL) -> str:
    """Give "host:port" of a URL in the form the operator's list is compared in; IPv6 in brackets."""
    host = url.raw_host.decode("ascii")
    port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listed_form(entry: str) -> str:
    """Give "host:port" as the list holds it: lower case, IDNA, IPv6 in brackets."""
    return host_port(httpx.URL(f"https://{entry.strip()}"))


class Reach:
    """Where connections may go: public https servers, and the hosts and ports that are listed.

    For a listed "host:port", http and private addresses are allowed; nothing else about it is checked.
    `public_ports` are the ports of all other servers.
    """

    def __init__(self, listed: Iterable[str], public_ports: frozenset[int] = frozenset({443})) -> None:
        self._listed = {listed_form(entry) for entry in listed}
        self._public_ports = public_ports

    def allow(self, entry: str) -> None:
        """Add "host:port" to the list."""
        self._listed.add(listed_form(entry))

    def disallow(self, entry: str) -> None:
        """Take "host:port" off the list."""
        self._listed.discard(listed_form(entry))

    def lists(self, host: str, port: int) -> bool:
        """Whether exactly this host, as written in the URL, is listed with exactly this port."""
        return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}") in self._listed

    def admits(self, url: httpx.URL) -> bool:
        """Whether a request to `url` may be tried at all; its addresses are checked when it connects."""
        port = url.port or DEFAULT_PORTS[url.scheme]
        if self.lists(url.raw_host.decode("ascii"), port):
            return True
        return url.scheme == "https" and port in self._public_ports


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections for httpcore, to checked addresses only.

    A name is resolved once; every address it has must be public, and the connection goes to one of those very
    addresses, so a second, different answer (rebinding) finds no use. TLS still gets the name.
    """

    def __init__(self, reach: Reach, resolver: Resolver) -> None:
        self._reach = reach
        self._resolver = resolver
        self._pace = Pace()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect within `timeout` seconds, resolving included. Raises httpcore's connect errors."""
        try:
            async with asyncio.timeout(timeout) as clock:
                addresses = await self._addresses(host, port)
                return await self._first(addresses, port, clock.when())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("connect clock") from error

    async def sleep(self, seconds: float) -> None:
        """Wait, for httpcore's own use."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("name not resolved") from error
        if not addresses:
            raise httpcore.ConnectError("name has no address")
        if not self._reach.lists(host, port) and not all(is_public(address) for address in addresses):
            raise httpcore.ConnectError("address not allowed")
        return addresses

    async def _first(
        self, addresses: Sequence[str], port: int, until: float | None
    ) -> httpcore.AsyncNetworkStream:
        """Open the first address that answers; each has an equal share of the time that is left."""
        now = asyncio.get_running_loop().time
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = None if until is None else max(0.0, until - now()) / left
            try:
                return await connect(address, port, self._pace, share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise httpcore.ConnectError("no address")


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with its connections opened by a GuardedBackend; HTTP/1.1, no proxies.

    What the guard forbids fails exactly as a refused connection does: same exception, same retries, same sentence.
    """

    def __init__(self, reach: Reach, backend: GuardedBackend, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._reach = reach
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            network_backend=backend,
            max_connections=None,  # the queues limit requests
            max_keepalive_connections=16,
            keepalive_expiry=KEEPALIVE_S,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` where that is allowed. Raises httpx's exceptions."""
        if not self._reach.admits(request.url):
            raise httpx.ConnectError("not allowed", request=request)
        return await super().handle_async_request(request)


def is_well_formed(url: httpx.URL) -> bool:
    """Whether `url` is a plain http or https address: no user name, password or fragment, a host and a port."""
    plain = not url.userinfo and not url.fragment and url.scheme in DEFAULT_PORTS
    host = url.raw_host.decode("ascii", "replace")
    return plain and HOST.fullmatch(host) is not None and 0 < (url.port or 443) <= 65535
