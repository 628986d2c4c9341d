"""A team's own sign-in service as OpenID Connect has it: finding its addresses, asking it, and believing its answer.

Every request goes through the outbound guard. The rules are OpenID Connect Core 1.0 (sections 3.1.2 and 3.1.3, 5.3.2),
Discovery 1.0 (4.3) and PKCE (RFC 7636); none of the optional leniency is used.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from secrets import compare_digest
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import jwt

from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.providers import AskFailed
from fusion_site.providers.clients import Clients
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.fetch import fetch_json, post_form
from fusion_site.providers.guard import Reach, is_well_formed, system_resolver

WELL_KNOWN = "/.well-known/openid-configuration"
SCOPE = "openid email profile"
WITHIN_S = 10.0
# Signatures that only the service itself can make: none where the client's secret would be the key.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY_S = 60
_MOST_KEYS = 50

Claims = dict[str, Any]


class Unbelievable(Exception):
    """The service cannot be reached, or what it said must not be believed; the message says which, for its owner."""


@dataclass(frozen=True, slots=True)
class Service:
    """A sign-in service, as far as its own description says."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    takes_secret_in_form: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """This site at the service."""

    client_id: str
    secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is remembered of one way to the service, so that only the answer to it is taken."""

    nonce: str
    verifier: str

    @classmethod
    def fresh(cls) -> Question:
        """Give one that nobody can guess."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(64))

    def as_dict(self) -> dict[str, str]:
        """Give it as it is kept in the session."""
        return asdict(self)


def asking_url(service: Service, client: Client, question: Question, state: str) -> str:
    """Give the address at the service to which the person is led."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(question.verifier.encode()).digest()).rstrip(b"=")
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": SCOPE,
        "state": state,
        "nonce": question.nonce,
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in service.authorization_endpoint else "?"
    return f"{service.authorization_endpoint}{joint}{urlencode(asked)}"


async def describe(issuer: str, listed: frozenset[str]) -> Service:
    """Give the service that stands at `issuer`, by its own description. Raises Unbelievable.

    `listed` are the exact host:ports that may be private and without https.
    """
    async with _outbound(listed) as outbound:
        return await outbound.describe(issuer)


async def redeem(
    service: Service, client: Client, question: Question, code: str, listed: frozenset[str]
) -> Claims:
    """Give what the service says of the person for the code that they came back with. Raises Unbelievable."""
    async with _outbound(listed) as outbound:
        tokens = await outbound.tokens(service, client, question, code)
        claims = _verified(str(tokens.get("id_token", "")), await outbound.keys(service), service, client)
        if not compare_digest(str(claims.get("nonce", "")), question.nonce):
            raise Unbelievable("its answer is to another question")
        if not claims.get("email") and service.userinfo_endpoint:
            claims |= await outbound.more(service, str(tokens.get("access_token", "")), claims["sub"])
        return claims


class _Outbound:
    """The requests to a service, each through the guard."""

    def __init__(self, clients: Clients, reach: Reach) -> None:
        self._clients, self._reach = clients, reach

    async def describe(self, issuer: str) -> Service:
        told = await self._get(issuer.rstrip("/") + WELL_KNOWN)
        named = told.get("issuer")
        if not isinstance(named, str) or named.rstrip("/") != issuer.rstrip("/"):
            raise Unbelievable("its description names another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            self._url(str(told.get(name, "")))
        methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Service(
            issuer=named,
            authorization_endpoint=told["authorization_endpoint"],
            token_endpoint=told["token_endpoint"],
            jwks_uri=told["jwks_uri"],
            userinfo_endpoint=str(told.get("userinfo_endpoint") or ""),
            takes_secret_in_form="client_secret_basic" not in methods,
        )

    async def tokens(self, service: Service, client: Client, question: Question, code: str) -> Claims:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": question.verifier,
        }
        headers = {}
        if service.takes_secret_in_form:
            fields |= {"client_id": client.client_id, "client_secret": client.secret}
        else:
            pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        url = self._url(service.token_endpoint)
        return _object(await self._said(post_form(self._clients, url, headers, fields, WITHIN_S)))

    async def keys(self, service: Service) -> list[Claims]:
        keys = (await self._get(service.jwks_uri)).get("keys")
        if not isinstance(keys, list):
            raise Unbelievable("it shows no keys")
        return [key for key in keys[:_MOST_KEYS] if isinstance(key, dict) and key.get("use", "sig") == "sig"]

    async def more(self, service: Service, access_token: str, subject: str) -> Claims:
        """Ask for what the ID token left out; an answer about somebody else is none (Core 5.3.2)."""
        headers = {"authorization": f"Bearer {access_token}"}
        told = await self._get(service.userinfo_endpoint, headers)
        if told.get("sub") != subject:
            raise Unbelievable("it tells of somebody else")
        return {name: told[name] for name in ("email", "email_verified", "name") if name in told}

    async def _get(self, address: str, headers: dict[str, str] | None = None) -> Claims:
        url = self._url(address)
        return _object(await self._said(fetch_json(self._clients, url, headers or {}, WITHIN_S)))

    async def _said(self, request: Any) -> object:
        try:
            return await request
        except AskFailed as failed:
            raise Unbelievable(_reason(failed.error)) from failed

    def _url(self, address: str) -> httpx.URL:
        """Give an address that may be asked, or that people may be led to."""
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL:
            raise Unbelievable("an address in its description is none") from None
        if not is_well_formed(url) or not self._reach.admits(url):
            raise Unbelievable(
                "it cannot be reached: it needs an https:// address that is open to the public"
            )
        return url


@asynccontextmanager
async def _outbound(listed: frozenset[str]) -> AsyncGenerator[_Outbound, None]:
    reach = Reach(listed)
    tls = httpx.create_ssl_context(trust_env=False)
    clients = Clients(reach, system_resolver, tls, Clocks())
    try:
        yield _Outbound(clients, reach)
    finally:
        await clients.aclose()


def _verified(token: str, keys: list[Claims], service: Service, client: Client) -> Claims:
    """Give the claims of an ID token that this service has signed for this site, and lately."""
    try:
        key = _key_of(jwt.get_unverified_header(token), keys)
        claims: Claims = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=client.client_id,
            issuer=service.issuer,
            leeway=_LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise Unbelievable("its answer is not signed for this site, or not lately") from error
    if claims.get("azp", client.client_id) != client.client_id or not claims["sub"]:
        raise Unbelievable("its answer is for another site")
    return claims


def _key_of(header: Claims, keys: list[Claims]) -> jwt.PyJWK:
    """Give the key that the header names; where it names none, the only one there is."""
    named = [key for key in keys if key.get("kid") == header.get("kid")] if "kid" in header else keys
    if len(named) != 1:
        raise ValueError("no such key")
    return jwt.PyJWK(named[0], algorithm=named[0].get("alg") or header["alg"])


def _object(document: object) -> Claims:
    if not isinstance(document, dict):
        raise Unbelievable("its answer is not what it should be")
    return document


def _reason(error: AskError) -> str:
    if error.kind in {ErrorKind.NETWORK, ErrorKind.TIMEOUT}:
        return "it cannot be reached: it needs an https:// address that is open to the public"
    if error.kind is ErrorKind.AUTH:
        return "it does not take the client id and secret"
    return "its answer is not what it should be"
