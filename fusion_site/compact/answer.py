"""The HTTP response that follows one generation, and ends it when the client hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from fusion_site.compact import wire
from fusion_site.compact.failures import HostFailure
from fusion_site.compact.generation import Generation, News
from fusion_site.compact.scheduler import Scheduler

HEARTBEAT_SECONDS = 10.0
STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Answer:
    """A response that is sent while its generation is written; `head` holds id, time and model of the answer."""

    def __init__(
        self,
        generation: Generation,
        scheduler: Scheduler,
        head: Mapping[str, Any],
        *,
        stream: bool,
        include_usage: bool,
    ) -> None:
        self._generation = generation
        self._scheduler = scheduler
        self._head = head
        self._stream = stream
        self._include_usage = include_usage
        self._has_queued = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; whichever way this ends, the generation's slot is free within one step."""
        work = self._send_events(send) if self._stream else self._send_whole(scope, receive, send)
        try:
            await _until_hung_up(work, receive)
        finally:
            self._scheduler.cancel(self._generation)

    async def _news(self) -> AsyncGenerator[News]:
        """News until the end; empty news are heartbeats. A failure is raised."""
        while True:
            news = await self._generation.feed.next(HEARTBEAT_SECONDS)
            yield news
            if news.failure:
                raise news.failure
            if news.ending:
                return

    async def _send_whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        texts: list[str] = []
        ending = None
        async with aclosing(self._news()) as all_news:
            async for news in all_news:
                texts.append(news.text)
                ending = news.ending
        assert ending is not None
        body = wire.completion(self._head, "".join(texts), ending)
        await JSONResponse(body)(scope, receive, send)

    async def _send_events(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
        await _send_part(send, wire.event(wire.chunk(self._head, {"role": "assistant", "content": ""})))
        try:
            async with aclosing(self._news()) as all_news:
                async for news in all_news:
                    await _send_part(send, self._events(news))
        except HostFailure as failure:  # the status is out already: say it in the stream, and say no [DONE]
            await _send_part(send, wire.event(failure.body()))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _events(self, news: News) -> bytes:
        """What to write for `news`; comments, which readers skip, show that the host is alive and the place in the queue."""
        parts: list[bytes] = []
        if news.place:
            self._has_queued = True
            parts.append(b": queued %d\n\n" % news.place)
        elif news.place == 0 and self._has_queued:
            parts.append(b": begun\n\n")
        if news.text:
            parts.append(wire.event(wire.chunk(self._head, {"content": news.text})))
        if news.ending:
            parts.append(wire.event(wire.chunk(self._head, {}, news.ending.reason)))
            if self._include_usage:
                parts.append(wire.event(wire.usage_chunk(self._head, news.ending)))
            parts.append(b"data: [DONE]\n\n")
        return b"".join(parts) or b": working\n\n"


async def _send_part(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_hung_up(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do `work`, but drop it as soon as the client is gone."""
    worker = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(_hang_up(receive))
    try:
        await asyncio.wait({worker, watcher}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (worker, watcher):
            task.cancel()
        results = await asyncio.gather(worker, watcher, return_exceptions=True)
    failure = results[0]
    if isinstance(failure, Exception):
        raise failure


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
