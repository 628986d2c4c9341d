"""The HTTP response in which a script is said, and which stops saying it when nobody listens any more."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractContextManager, aclosing
from random import Random
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from fusion_site.rehearsal import wire
from fusion_site.rehearsal.cast import Model
from fusion_site.rehearsal.playing import Piece, play
from fusion_site.rehearsal.scripts import Ending, Script
from fusion_site.rehearsal.tokens import split
from fusion_site.rehearsal.wire import ChatRequest

_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]

Stage = Callable[[], AbstractContextManager[None]]


class Answer:
    """The response to one request, said within `stage`."""

    def __init__(
        self,
        request: ChatRequest,
        model: Model,
        script: Script,
        chance: Random,
        speed: float,
        stage: Stage,
    ) -> None:
        self._request, self._script, self._stage = request, script, stage
        self._pieces: Callable[[], AsyncGenerator[Piece, None]] = lambda: play(script, model, chance, speed)
        self._head = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model.id,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say the script until it ends or the client hangs up."""
        saying = self._stream(send) if self._request.stream else self._whole(scope, receive, send)
        with self._stage():
            await _while_listening(saying, receive)

    async def _stream(self, send: Send) -> None:
        await self._hang()
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await _say(send, wire.event(wire.chunk(self._head, {"role": "assistant", "content": ""})))
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                await _say(send, wire.event(wire.chunk(self._head, {piece.field: piece.text})))
        if self._script.ending is Ending.CUT:
            return  # The server drops a connection whose response was not ended.
        last = [wire.event(wire.chunk(self._head, {}, str(self._script.ending)))]
        if self._request.wants_usage:
            last.append(wire.event(wire.usage_chunk(self._head, self._usage())))
        await send({"type": "http.response.body", "body": b"".join([*last, wire.DONE]), "more_body": False})

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._hang()
        async with aclosing(self._pieces()) as pieces:
            async for _ in pieces:
                pass
        if self._script.ending is Ending.CUT:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", b"application/json")],
                }
            )
            await _say(send, b'{"id": "')
            return
        message = {"content": self._script.text}
        if self._script.reasoning:
            message["reasoning_content"] = self._script.reasoning
        body = wire.completion(self._head, message, str(self._script.ending), self._usage())
        await JSONResponse(body)(scope, receive, send)

    async def _hang(self) -> None:
        if self._script.ending is Ending.HANG:
            await asyncio.Event().wait()

    def _usage(self) -> dict[str, Any]:
        read = sum(len(split(turn.content)) for turn in self._request.messages)
        thought = len(split(self._script.reasoning))
        return wire.usage(read, thought + len(split(self._script.text)), thought)


async def _say(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _while_listening(saying: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do `saying`, and drop it as soon as the client has hung up."""
    speaker = asyncio.ensure_future(saying)
    listener = asyncio.ensure_future(_hang_up(receive))
    try:
        await asyncio.wait({speaker, listener}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        speaker.cancel()
        listener.cancel()
        said, _ = await asyncio.gather(speaker, listener, return_exceptions=True)
    if isinstance(said, Exception):
        raise said


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
