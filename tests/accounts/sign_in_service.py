"""A small sign-in service that speaks OpenID Connect over HTTP on this machine, strictly; tests may have it lie."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from tests.serving import Quiet, serving

CLIENT_ID = "fusion site"
CLIENT_SECRET = "s3cret: with%odd characters"
Claims = dict[str, Any]


def rsa_key() -> RSAPrivateKey:
    """Give a fresh key for RS256."""
    return generate_private_key(public_exponent=65537, key_size=2048)


class SignInService:
    """Lets in whoever `person` says; `asked` lists the paths of all requests."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.person: Claims = {"sub": "p-1", "email": "frank@example.com", "email_verified": True}
        self.lies: Claims = {}
        self.described: Claims = {}
        self.userinfo: Claims = {}
        self.key = self.signs_with = rsa_key()
        self.algorithm = "RS256"
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_address[1]
        self.issuer = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[SignInService]:
        """Serve for the time of a test."""
        with serving(self._server):
            yield self

    def describe(self) -> Claims:
        """Give the discovery document."""
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        ends["userinfo_endpoint"] = "userinfo"
        addresses = {name: f"{self.issuer}/{path}" for name, path in ends.items()}
        return {"issuer": self.issuer, **addresses, **self.described}

    def authorize(self, asked: dict[str, str]) -> str:
        """Give where a browser is led back to, with a code."""
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> Claims | None:
        """Give the tokens for a code, once, to the client that has the secret and began this; else None."""
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or self._client(authorization) != (CLIENT_ID, CLIENT_SECRET):
            return None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        claims |= self.person | self.lies
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": "one"}
        key: Any = self.signs_with
        return {
            "access_token": "access",
            "token_type": "Bearer",
            "id_token": jwt.encode(claims, key, algorithm=self.algorithm, headers=headers),
        }

    def keys(self) -> Claims:
        """Give the public key."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}

    @staticmethod
    def _client(authorization: str) -> tuple[str, str]:
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        name, _, secret = pair.partition(":")
        return unquote(name), unquote(secret)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                service.asked.append(parts.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                if parts.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", service.authorize(query))
                    self.end_headers()
                    return
                documents = {
                    "/.well-known/openid-configuration": service.describe,
                    "/keys": service.keys,
                    "/userinfo": lambda: service.userinfo,
                }
                self._say(documents[parts.path]() if parts.path in documents else None)  # type: ignore[no-untyped-call]

            def do_POST(self) -> None:
                service.asked.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._say(service.token(form, self.headers.get("Authorization", "")))

            def _say(self, document: Claims | None) -> None:
                body = json.dumps({"error": "invalid"} if document is None else document).encode()
                self.send_response(401 if document is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
