"""The OpenAI-compatible HTTP door of the scripted models."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fusion_site.rehearsal import wire
from fusion_site.rehearsal.answer import Answer
from fusion_site.rehearsal.cast import CAST
from fusion_site.rehearsal.failing import Refusal
from fusion_site.rehearsal.scripts import chance_for, script_for

LARGEST_BODY = 4 * 1024 * 1024


class Door:
    """Answers HTTP for the whole cast. Every request needs `key` as its bearer token; `speed` divides all waiting."""

    def __init__(self, key: str, speed: float) -> None:
        self._key, self._speed = key, speed
        self._on_stage: set[asyncio.Task[Any]] = set()

    @property
    def running(self) -> int:
        """How many scripts are being said at this moment."""
        return len(self._on_stage)

    def app(self) -> ASGIApp:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/models", self.models),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
            ],
            exception_handlers={Refusal: self._refused, HTTPException: _no_such_door},
        )

    def end_all(self) -> None:
        """Stop every script that is being said; to be called in the loop of the door."""
        for saying in self._on_stage:
            saying.cancel()

    async def models(self, request: Request) -> Response:
        """The cast."""
        self._check_key(request)
        return JSONResponse({"object": "list", "data": [model.listing() for model in CAST.values()]})

    async def chat(self, request: Request) -> Answer:
        """One answer, streamed or whole."""
        self._check_key(request)
        asked = wire.parse(await _body(request))
        model = CAST.get(asked.model)
        if model is None:
            message = f"There is no model '{asked.model[:80]}' here; there are {', '.join(CAST)}."
            raise Refusal(404, "invalid_request_error", "model_not_found", message)
        # Comparing long answers takes a moment, in which the others are to go on speaking.
        script = await asyncio.to_thread(script_for, model, asked)
        return Answer(asked, model, script, chance_for(model, asked), self._speed, self._stage)

    @contextmanager
    def _stage(self) -> Iterator[None]:
        """Count the running task among those that `end_all` ends."""
        saying = asyncio.current_task()
        assert saying is not None
        self._on_stage.add(saying)
        try:
            yield
        finally:
            self._on_stage.discard(saying)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        headers = {}
        if error.wait_s is not None:
            # The plain header has whole seconds only; the other one, which OpenAI sends too, can be hurried.
            milliseconds = 1000 * error.wait_s / self._speed
            headers = {"retry-after": f"{error.wait_s:.0f}", "retry-after-ms": f"{milliseconds:.0f}"}
        return JSONResponse(error.body(), error.status, headers)

    def _check_key(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._key}".encode()):
            message = "The key of the rehearsal models is missing or wrong."
            raise Refusal(401, "authentication_error", "invalid_api_key", message)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            message = f"The body is larger than {LARGEST_BODY} bytes."
            raise Refusal(413, "invalid_request_error", "payload_too_large", message)
    return bytes(body)


async def _no_such_door(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = Refusal(
        error.status_code,
        "invalid_request_error",
        None,
        f"{request.method} {request.url.path}: {error.detail}.",
    )
    return JSONResponse(refusal.body(), refusal.status)
