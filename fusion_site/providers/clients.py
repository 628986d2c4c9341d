"""One guarded httpx client per origin, made when first needed and closed when long unused."""

from __future__ import annotations

import ssl
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.endpoint import AskFailed
from fusion_site.providers.guard import (
    GuardedBackend,
    GuardedTransport,
    Reach,
    Resolver,
    host_port,
    is_well_formed,
    listed_form,
)

KEPT_CLIENTS = 128

HEADERS = {"accept-encoding": "identity", "user-agent": "fusion-site/0.1"}


def url_under(base_url: str, path: str) -> httpx.URL:
    """Give the address of `path` under a base URL, keeping the base's query. Raises AskFailed."""
    base = plain_url(base_url)
    return base.copy_with(path=base.path.rstrip("/") + path)


def plain_url(text: str) -> httpx.URL:
    """Give an address that is well formed. Raises AskFailed."""
    try:
        url = httpx.URL(text.strip())
        if is_well_formed(url):
            return url
    except httpx.InvalidURL:
        pass  # told like any other malformed address, below
    message = "The base URL must look like https://host/v1, without a user name, a password or a #."
    raise AskFailed(AskError(ErrorKind.BAD_REQUEST, message))


class Clients:
    """The clients of this process. They hold no key and no cookie, so teams may share an origin's connections."""

    def __init__(self, reach: Reach, resolver: Resolver, tls: ssl.SSLContext, clocks: Clocks) -> None:
        self._reach = reach
        self._backend = GuardedBackend(reach, resolver)
        self._tls = tls
        # Everything after the connection is timed by Watch; httpx's read timeout would be fooled by comments.
        self._timeout = httpx.Timeout(None, connect=clocks.connect_s)
        self._clients: OrderedDict[str, httpx.AsyncClient] = OrderedDict()
        self._users: dict[httpx.AsyncClient, int] = {}
        self._retired: list[httpx.AsyncClient] = []

    @asynccontextmanager
    async def lease(self, url: httpx.URL) -> AsyncGenerator[httpx.AsyncClient, None]:
        """Lend the client of the origin of `url`."""
        client = self._at(f"{url.scheme}://{host_port(url)}")
        self._users[client] = self._users.get(client, 0) + 1
        try:
            yield client
        finally:
            self._users[client] -= 1
            if not self._users[client]:
                del self._users[client]
            await self._close_retired()

    def retire(self, entry: str) -> None:
        """Stop using the connections to "host:port"; those in use end with their request."""
        for scheme in ("http", "https"):
            if client := self._clients.pop(f"{scheme}://{listed_form(entry)}", None):
                self._retired.append(client)

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        clients = [*self._clients.values(), *self._retired]
        self._clients.clear()
        self._retired.clear()
        for client in clients:
            await client.aclose()

    def _at(self, origin: str) -> httpx.AsyncClient:
        client = self._clients.get(origin)
        if client is None:
            client = self._clients[origin] = self._new()
            if len(self._clients) > KEPT_CLIENTS:
                self._retired.append(self._clients.popitem(last=False)[1])
        self._clients.move_to_end(origin)
        return client

    def _new(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=GuardedTransport(self._reach, self._backend, self._tls),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers=HEADERS,
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
        )

    async def _close_retired(self) -> None:
        unused = [client for client in self._retired if client not in self._users]
        self._retired = [client for client in self._retired if client in self._users]
        for client in unused:
            await client.aclose()
