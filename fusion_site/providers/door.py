"""The way into this room: one object per process that asks models, lists them and tests connections."""

from __future__ import annotations

import ssl
from dataclasses import replace

import httpx

from fusion_site.engine.asking import Asker, AskError
from fusion_site.providers.catalogue import CatalogueModel, fetch_catalogue
from fusion_site.providers.check import CheckResult, check_endpoint
from fusion_site.providers.client import Endpoints, HttpAsker, Permit, Tools, always
from fusion_site.providers.clients import Clients, plain_url, url_under
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.endpoint import AskFailed, Endpoint
from fusion_site.providers.errors import redacted, unreachable
from fusion_site.providers.fetch import post_notice
from fusion_site.providers.generations import Generation, fetch_generation
from fusion_site.providers.guard import Reach, Resolver, system_resolver
from fusion_site.providers.keys import exchange_code
from fusion_site.providers.plan import Retries
from fusion_site.providers.queue import Queues
from fusion_site.providers.quirks import QuirkBook
from fusion_site.providers.request import Attribution, headers_for


class Providers:
    """Everything that leaves this process for a model's API. To be used on one event loop.

    `private_upstreams` are exact "host:port" strings for which http and private addresses are allowed;
    `public_ports` are the ports that any other server may have. `tls` replaces the usual certificate
    authorities, for teams with one of their own.
    """

    def __init__(
        self,
        private_upstreams: frozenset[str],
        resolver: Resolver = system_resolver,
        *,
        clocks: Clocks | None = None,
        retries: Retries | None = None,
        attribution: Attribution | None = None,
        public_ports: frozenset[int] = frozenset({443}),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clocks = clocks or Clocks()
        self._attribution = attribution or Attribution()
        self._reach = Reach(private_upstreams, public_ports)
        context = tls or httpx.create_ssl_context(trust_env=False)
        self._clients = Clients(self._reach, resolver, context, self._clocks)
        self._tools = Tools(
            clients=self._clients,
            queues=Queues(),
            quirks=QuirkBook(),
            clocks=self._clocks,
            retries=retries or Retries(),
            attribution=self._attribution,
        )

    def asker(self, endpoints: Endpoints, permit: Permit = always) -> Asker:
        """Give an Asker whose connections `endpoints` looks up, by id, each time one is asked.

        A lookup may raise EndpointUnavailable; the ask then ends with its error. An ask that had to queue
        looks its connection up again before it is sent. `permit` is asked before every single request, also one that
        is sent again, and may raise EndpointUnavailable; then it is not sent.
        """
        return HttpAsker(self._tools, endpoints, permit)

    async def models(self, endpoint: Endpoint) -> list[CatalogueModel]:
        """Give the catalogue of `endpoint`, in the server's order. Raises AskFailed."""
        try:
            headers = headers_for(endpoint, self._attribution)
            return await fetch_catalogue(self._clients, endpoint, headers, self._clocks)
        except AskFailed as failed:
            raise AskFailed(redacted(failed.error, endpoint.api_key)) from None

    async def generation(self, endpoint: Endpoint, name: str) -> Generation | None:
        """Give what OpenRouter tells of the call `name` afterwards; None if it is not known yet. Raises AskFailed."""
        try:
            headers = headers_for(endpoint, self._attribution)
            return await fetch_generation(self._clients, endpoint, name, headers, self._clocks)
        except AskFailed as failed:
            raise AskFailed(redacted(failed.error, endpoint.api_key)) from None

    async def check(self, endpoint: Endpoint) -> CheckResult:
        """Say whether `endpoint` works, as far as can be seen without paying for an answer."""
        try:
            headers = headers_for(endpoint, self._attribution)
        except AskFailed as failed:
            return CheckResult(False, failed.error)
        result = await check_endpoint(self._clients, endpoint, headers, self._clocks)
        error = redacted(result.error, endpoint.api_key) if result.error else None
        return replace(result, error=error)

    async def key_for(self, base_url: str, code: str, verifier: str) -> str:
        """Give the key of a person who let this site have one at OpenRouter (OAuth PKCE, S256). Raises AskFailed.

        `code` is what they came back with, `verifier` what its challenge was made of; neither is in any message.
        """
        endpoint = Endpoint(base_url, None, "openrouter")
        headers = headers_for(endpoint, self._attribution)
        try:
            return await exchange_code(self._clients, base_url, code, verifier, headers, self._clocks)
        except AskFailed as failed:
            raise AskFailed(redacted(redacted(failed.error, code), verifier)) from None

    async def notify(self, url: str, headers: dict[str, str], content: bytes, within_s: float) -> int:
        """Send a JSON document to a receiver that is no model's server; gives the status of its answer. Raises AskFailed."""
        return await post_notice(self._clients, plain_url(url), headers, content, within_s)

    def address_error(self, base_url: str) -> AskError | None:
        """Say what is wrong with a base URL before anything is sent to it, or None; for forms."""
        try:
            url = url_under(base_url, "/models")
        except AskFailed as failed:
            return failed.error
        return None if self._reach.admits(url) else unreachable(url.host)

    def allow(self, host_port: str) -> None:
        """Let http and private addresses pass for this "host:port" from now on."""
        self._reach.allow(host_port)

    def disallow(self, host_port: str) -> None:
        """End what `allow` began; requests that are running are let end."""
        self._reach.disallow(host_port)
        self._clients.retire(host_port)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._clients.aclose()
