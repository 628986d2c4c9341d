"""A stand-in for OpenRouter over real HTTP: its consent page, its exchange of codes for keys, `/key` and `/models`.

It checks what OpenRouter checks: a code is good once, for the verifier whose SHA-256 the consent page was given.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.serving import Quiet, Served

KEY = "sk-or-v1-made-by-consent"
FACTS = {"limit": 10, "limit_remaining": 3.25, "usage": 6.75, "is_free_tier": False, "expires_at": None}
MODELS = [{"id": "lab/alpha", "context_length": 128_000}]


class OpenRouter:
    """Listens on loopback from construction to `close`.

    `refusal` replaces the reply to an exchange by (status, body); `facts` is what `/key` tells, `models` what `/models` lists.
    """

    def __init__(self) -> None:
        self.facts: dict[str, Any] = dict(FACTS)
        self.models: list[dict[str, Any]] = MODELS
        self.refusal: tuple[int, Any] | None = None
        self.consents: list[dict[str, str]] = []
        self.exchanges: list[dict[str, Any]] = []
        self._challenges: dict[str, str] = {}
        server = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                server._get(self)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                _reply(self, *server._exchange(body))

        self._served = Served(Handler)
        self.host_port = self._served.host_port
        self.url = f"http://{self.host_port}/api/v1"
        self.auth_url = f"http://{self.host_port}/auth"

    def close(self) -> None:
        """Stop listening."""
        self._served.close()

    def allow(self, consent: dict[str, str]) -> str:
        """Give the address to which a person goes back who allowed what the consent page was asked."""
        code = secrets.token_urlsafe(12)
        self._challenges[code] = consent["code_challenge"]
        return f"{consent['callback_url']}?{urlencode({'code': code})}"

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        if path == "/auth":
            self.consents.append({name: values[0] for name, values in parse_qs(query).items()})
            _page(handler, self.allow(self.consents[-1]), self.consents[-1]["callback_url"])
        elif path == "/api/v1/key" and handler.headers.get("Authorization") == f"Bearer {KEY}":
            _reply(handler, 200, {"data": self.facts})
        elif path == "/api/v1/models":
            _reply(handler, 200, {"data": self.models})
        else:
            _reply(handler, 401, {"error": {"message": "User not found.", "code": 401}})

    def _exchange(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.exchanges.append(body)
        if self.refusal:
            return self.refusal
        digest = hashlib.sha256(body["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if body["code_challenge_method"] != "S256" or self._challenges.pop(body["code"], None) != challenge:
            return 403, {"error": {"message": "Invalid code or code_verifier", "code": 403}}
        return 200, {"key": KEY, "user_id": "user_1"}


def query_of(address: str) -> dict[str, str]:
    """Give the parameters of an address, each once."""
    return {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}


def _page(handler: BaseHTTPRequestHandler, allowed: str, denied: str) -> None:
    links = f'<a href="{allowed}">Allow</a> <a href="{denied}?error=access_denied">Deny</a>'
    _send(handler, 200, "text/html", f"<!DOCTYPE html><title>Consent</title>{links}".encode())


def _reply(handler: BaseHTTPRequestHandler, status: int, body: Any) -> None:
    _send(handler, status, "application/json", json.dumps(body).encode())


def _send(handler: BaseHTTPRequestHandler, status: int, kind: str, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body)
