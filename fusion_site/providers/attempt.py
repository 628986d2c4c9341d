"""One request and its reply: sent, read piece by piece under the clocks, and judged at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import httpx

from fusion_site.engine.asking import AskAccepted, AskError, AskQueued, Outcome
from fusion_site.providers.alarm import Alarm
from fusion_site.providers.body import Body
from fusion_site.providers.clocks import Watch
from fusion_site.providers.endpoint import AskFailed
from fusion_site.providers.errors import from_exception, is_drop
from fusion_site.providers.outcome import Ending, ending_of
from fusion_site.providers.reply import Piece, Reply
from fusion_site.providers.reports import Report
from fusion_site.providers.responses import raw_body, refusal_of, refuse_detours
from fusion_site.providers.shapes import one_line

REUSE_S = 0.05
"""How long the end of a finished body is waited for, so that its connection can serve the next request."""
CLEAN_END_S = 2.0
"""How long it is waited for where [DONE] has only that to back it."""
ANY = 1_000_000


class Attempt:
    """One try of an ask. Run `pieces` to its end; then the rest is set:

    `ending` says how it went, `reply` holds usage and cost, `refused` what a failing reply said, and `resends` how
    often at most this failure is worth sending the request again: never once something may have been generated,
    once if that is only unlikely. `was_lost` says that nobody knows whether the server read the request. A server that
    `queues` says in comments at which place a request waits; meanwhile the clocks stand.
    """

    def __init__(
        self, client: httpx.AsyncClient, request: httpx.Request, watch: Watch, *, queues: bool = False
    ) -> None:
        self._client = client
        self._request = request
        self._watch = watch
        self._alarm = Alarm()
        watch.attempt()
        self._cut: AskError | None = None
        self._ended = False
        self._clean = True
        self.reply = Reply()
        self._told: tuple[str | None, str | None, str | None] = (None, None, None)
        self._body = Body(self.reply, comments=queues)
        self._place = 0
        self.ending = Ending(Outcome.CANCELLED)
        self.refused = Report()
        self.resends = 0
        self.was_lost = False

    async def pieces(self) -> AsyncGenerator[Piece | AskAccepted | AskQueued, None]:
        """Yield the text and reasoning as they come, and who serves them once that is known.

        Raises nothing but cancellation.
        """
        try:
            response = await self._send()
        except AskFailed as failed:
            self.ending = Ending(Outcome.ERROR, failed.error)
            return
        try:
            async with aclosing(raw_body(response)) as stream:
                for news in self._news():
                    yield news
                while pieces := await self._more(stream):
                    for piece in pieces:
                        yield piece
                for piece in self._rest():
                    yield piece
                await self._drain(stream)
        finally:
            self._alarm.close()
            await response.aclose()
        self._judge()

    async def _send(self) -> httpx.Response:
        """Give the response once its headers are in and good. Raises AskFailed."""
        try:
            async with asyncio.timeout_at(self._watch.until):
                response = await self._client.send(self._request, stream=True)
        except TimeoutError as error:
            raise AskFailed(self._watch.error()) from error
        except httpx.HTTPError as error:
            self.was_lost = is_drop(error) and not isinstance(error, httpx.ConnectError)
            self.resends = 1 if self.was_lost else ANY
            raise AskFailed(from_exception(error, self._request.url.host)) from error
        try:
            await self._accept(response)
        except BaseException:
            await response.aclose()
            raise
        return response

    async def _accept(self, response: httpx.Response) -> None:
        refuse_detours(response)
        if not response.is_success:
            error, self.refused = await refusal_of(response, self._watch.until)
            self.resends = ANY
            raise AskFailed(error)
        self.reply.provider = one_line(response.headers.get("x-provider-name", ""), 80) or None
        self.reply.generation_id = one_line(response.headers.get("x-generation-id", ""), 120) or None

    def _news(self) -> list[AskAccepted]:
        """Give what has become known of who serves the call, if it was not told yet."""
        reply = self.reply
        known = (reply.generation_id, reply.provider, reply.served_model)
        if known == self._told:
            return []
        self._told = known
        return [AskAccepted(*known)]

    async def _more(self, stream: AsyncGenerator[bytes, None]) -> Sequence[Piece | AskAccepted | AskQueued]:
        """Read until there is something new to show; nothing means that there will be nothing more."""
        reply, watch = self.reply, self._watch
        if reply.shown:
            watch.progressed()
        try:
            while not reply.over:
                if reply.finish:
                    watch.trailing()
                with self._alarm.at(watch.until):
                    data = await anext(stream)
                self._body.feed(data)
                pieces = [*self._moves(), *reply.take()] if reply.place or self._place else reply.take()
                if news := self._news():
                    return [*news, *pieces]
                if pieces:
                    return pieces
        except TimeoutError:
            self._cut = None if reply.finish else watch.error()
        except StopAsyncIteration:
            self._ended = True
        except httpx.HTTPError:
            self._ended, self._clean = True, False
        return []

    def _moves(self) -> list[AskQueued | AskAccepted]:
        """Give what is new of the place of a request that waits in the server's queue, or has just left it."""
        before, self._place = self._place, self.reply.place
        if self._place:
            self._watch.stand()
            return [AskQueued(self._place)] if self._place != before else []
        self._watch.go()
        return [self.reply.accepted]

    def _rest(self) -> list[Piece | AskAccepted]:
        if self._ended and not self.reply.over:
            self._body.end()
        return [*self._news(), *self.reply.end()]

    async def _drain(self, stream: AsyncGenerator[bytes, None]) -> None:
        """Wait for the end of the body after [DONE]; what it still holds is not read."""
        if self._ended or not self.reply.done:
            return
        try:
            async with asyncio.timeout(REUSE_S if self.reply.finish else CLEAN_END_S):
                async for _ in stream:
                    pass
        except TimeoutError:
            pass  # left open: nobody said that anything is wrong
        except httpx.HTTPError:
            self._clean = False

    def _judge(self) -> None:
        if self._cut is not None:
            self.ending = Ending(Outcome.ERROR, self._cut)
            return
        self.ending = ending_of(self.reply, self._clean)
        if self.reply.error is not None and not self.reply.shown:
            self.refused, self.resends = self.reply.report, ANY
