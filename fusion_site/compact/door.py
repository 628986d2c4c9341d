"""The OpenAI-compatible HTTP door of the host."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fusion_site.compact import wire
from fusion_site.compact.answer import Answer
from fusion_site.compact.failures import (
    HostFailure,
    bad_request,
    broken,
    context_exceeded,
    too_large,
    unknown_model,
    wrong_key,
)
from fusion_site.compact.generation import Generation
from fusion_site.compact.grammar import grammar_for
from fusion_site.compact.modelthread import Hosted, ModelThread
from fusion_site.compact.sampling import Sampler, Sampling
from fusion_site.compact.textstream import TextStream
from fusion_site.compact.wire import ChatRequest

LARGEST_BODY = 32 * 1024 * 1024


class Door:
    """Answers HTTP for one model thread; with a `key`, all but `/health` asks for it as a bearer token."""

    def __init__(self, model: ModelThread, key: str | None) -> None:
        self._model = model
        self._key = key
        # One thread, beside the event loop and the model: a long prompt is tokenised without stopping either.
        self._desk = ThreadPoolExecutor(1, "prompts")

    def app(self) -> ASGIApp:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/metrics", self.metrics),
                Route("/v1/models", self.models),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
            ],
            exception_handlers={
                HostFailure: _failure,
                HTTPException: _http_failure,
                ClientDisconnect: _nobody,
                Exception: _surprise,
            },
        )

    async def health(self, request: Request) -> Response:
        """`{"status": "loading" | "ready" | "failed"}`, 200 only when ready."""
        state = self._model.state
        body = {"status": state.name, "error": state.reason, "progress": round(state.progress, 3)}
        return JSONResponse(body, 200 if state.name == "ready" else 503)

    async def metrics(self, request: Request) -> Response:
        """Counters in Prometheus' text format."""
        self._check_key(request)
        hosted = self._model.state.ready()
        placed = hosted.model.placement
        text = hosted.scheduler.meter.exposition(layers=placed.layers, gpu_layers=placed.on_gpu)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def models(self, request: Request) -> Response:
        """The one model here."""
        self._check_key(request)
        return JSONResponse(wire.model_list(self._model.state.ready()))

    async def chat(self, request: Request) -> Answer:
        """One answer, streamed or whole."""
        self._check_key(request)
        hosted = self._model.state.ready()
        asked = wire.parse(await _body(request))
        facts = hosted.model.facts
        if asked.model not in (facts.id, facts.file_stem):
            raise unknown_model(asked.model, facts.id)
        generation = await asyncio.get_running_loop().run_in_executor(self._desk, prepare, hosted, asked)
        hosted.scheduler.submit(generation)
        head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": facts.id}
        usage = asked.stream_options is not None and asked.stream_options.include_usage
        return Answer(generation, hosted.scheduler, head, stream=asked.stream, include_usage=usage)

    def _check_key(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if self._key is not None and not hmac.compare_digest(given.encode(), f"Bearer {self._key}".encode()):
            raise wrong_key()


def prepare(hosted: Hosted, asked: ChatRequest) -> Generation:
    """The request as tokens and samplers; what cannot be served is a `HostFailure` before anything was sent."""
    prompt = hosted.model.template.prompt([message.message() for message in asked.messages])
    window = hosted.context.window
    if not prompt:
        raise bad_request("The messages hold no text.", "messages")
    if len(prompt) >= window:
        raise context_exceeded(len(prompt), window)
    room = window - len(prompt)
    limit = room if asked.most_tokens is None else min(asked.most_tokens, room)
    sampler = Sampler(_sampling(hosted, asked), hosted.model.vocabulary, lookback=window)
    return Generation(prompt, limit, sampler, TextStream(asked.stops), asked.user or "")


def _sampling(hosted: Hosted, asked: ChatRequest) -> Sampling:
    names = (
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "repeat_penalty",
        "frequency_penalty",
        "presence_penalty",
    )
    given = {name: value for name in names if (value := getattr(asked, name)) is not None}
    schema = asked.response_format.required_schema() if asked.response_format else None
    return Sampling(
        **given,
        seed=asked.seed,
        logit_bias=_logit_bias(asked.logit_bias or {}, hosted.model.vocabulary.size),
        grammar=grammar_for(schema) if schema is not None else None,
    )


def _logit_bias(given: dict[int, float], vocabulary: int) -> tuple[tuple[int, float], ...]:
    for token in given:
        if not 0 <= token < vocabulary:
            raise bad_request(f"logit_bias: this model has no token {token}", "logit_bias")
    return tuple(given.items())


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            raise too_large(LARGEST_BODY)
    return bytes(body)


def _failure(request: Request, error: Exception) -> Response:
    assert isinstance(error, HostFailure)
    headers = {"retry-after": str(error.retry_after)} if error.retry_after else None
    return JSONResponse(error.body(), error.status, headers)


def _http_failure(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _failure(
        request, HostFailure(error.status_code, None, f"{request.method} {request.url.path}: {error.detail}")
    )


def _surprise(request: Request, error: Exception) -> Response:
    return _failure(
        request, broken("The Compact host hit an unexpected error; its log has the details.", "internal")
    )


def _nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the client hung up while it was still sending: nobody reads this
