"""Asking a model: the lookup of its connection, the queue, the requests with their retries, and one ending."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import httpx
import orjson

from fusion_site.engine.asking import (
    Ask,
    AskAccepted,
    AskError,
    AskEvent,
    AskFinished,
    AskQueued,
    AskResending,
    AskRetrying,
    AskStarted,
    ErrorKind,
    Outcome,
    Sampling,
)
from fusion_site.providers.attempt import Attempt
from fusion_site.providers.clients import Clients, url_under
from fusion_site.providers.clocks import Clocks, Watch
from fusion_site.providers.endpoint import AskFailed, Endpoint
from fusion_site.providers.errors import redacted, without
from fusion_site.providers.guard import host_port
from fusion_site.providers.outcome import Ending
from fusion_site.providers.plan import Plan, Retries
from fusion_site.providers.queue import Queues
from fusion_site.providers.quirks import QuirkBook, Quirks
from fusion_site.providers.reply import Reply
from fusion_site.providers.request import Attribution, check_ask, headers_for, payload_for
from fusion_site.providers.responses import raw_body

logger = logging.getLogger(__name__)

# What a host says while it reads ahead: heartbeats and one ending.
READ_AHEAD_CAP = 1 << 20
HEADERS = {"content-type": "application/json", "accept": "text/event-stream"}

Endpoints = Callable[[str], Awaitable[Endpoint]]
Permit = Callable[[str, Endpoint], Awaitable[None]]
"""Raises AskFailed where nothing may be sent to this endpoint of a connection, by its id, any more."""


async def always(connection: str, endpoint: Endpoint) -> None:
    """Permit every request."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all asks of a process share."""

    clients: Clients
    queues: Queues
    quirks: QuirkBook
    clocks: Clocks
    retries: Retries
    attribution: Attribution


class HttpAsker:
    """The engine's Asker over HTTP. `endpoints` looks a connection up, at each ask; `permit` is asked before each request."""

    def __init__(self, tools: Tools, endpoints: Endpoints, permit: Permit = always) -> None:
        self._tools = tools
        self._endpoints = endpoints
        self._permit = permit

    async def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Stream what happens to `ask`; see the protocol. Everything it held is free before AskFinished comes."""
        asking = Asking(self._tools, self._endpoints, self._permit, ask)
        try:
            for stage in (asking.queue, asking.requests):
                async with aclosing(stage()) as events:
                    async for event in events:
                        yield event
        except AskFailed as failed:
            asking.fail(failed.error)
        except Exception:
            # The last line of defence of the promise to end with AskFinished. It is our fault, and logged as such.
            logger.exception("asking %s failed inside", ask.model.model)
            message = "This site failed while it asked the model; the details are in its log."
            asking.fail(AskError(ErrorKind.SERVER, message))
        finally:
            asking.leave()
        yield asking.finished()

    async def read_ahead(self, ask: Ask) -> None:
        """Have a Compact host read the messages of `ask`; see the protocol. Other servers would bill it or refuse it."""
        try:
            endpoint = await self._endpoints(ask.model.connection)
            check_ask(ask, endpoint)
            if endpoint.kind == "compact":
                await self._permit(ask.model.connection, endpoint)
                await self._read_by(endpoint, ask)
        except (AskFailed, httpx.HTTPError, TimeoutError) as error:
            logger.debug("%s read nothing ahead: %s", ask.model.model, error)

    async def _read_by(self, endpoint: Endpoint, ask: Ask) -> None:
        """It does not stand in the queue of the connection: the host itself lets all others go first."""
        url = url_under(endpoint.base_url, "/chat/completions")
        headers = headers_for(endpoint, self._tools.attribution) | HEADERS
        wanted = replace(ask, sampling=Sampling(max_tokens=0), json_schema=None)
        body = orjson.dumps(payload_for(wanted, endpoint, Quirks()))
        async with (
            self._tools.clients.lease(url) as client,
            asyncio.timeout(ask.deadline_s or self._tools.clocks.total_s),
            client.stream("POST", url, content=body, headers=headers) as response,
            aclosing(raw_body(response)) as parts,
        ):
            read = 0
            async for part in parts:
                read += len(part)
                if read > READ_AHEAD_CAP:
                    return


class Asking:
    """One ask on its way."""

    def __init__(self, tools: Tools, endpoints: Endpoints, permit: Permit, ask: Ask) -> None:
        self._tools = tools
        self._endpoints = endpoints
        self._permit = permit
        self._ask = ask
        self._endpoint: Endpoint | None = None
        self._leave: Callable[[], None] | None = None
        self._watch: Watch | None = None
        self._first_token_ms: int | None = None
        self._was_sent = False
        self._reply = Reply()
        self._ending = Ending(Outcome.CANCELLED)

    async def queue(self) -> AsyncGenerator[AskEvent, None]:
        """Yield the places in the line, then that the ask has started. Raises AskFailed."""
        endpoint = await self._look_up()
        key = (self._ask.model.connection, endpoint.base_url)
        ticket, self._leave = self._tools.queues.join(key, endpoint.parallel)
        if ticket.place:
            async with aclosing(ticket.places()) as places:
                async for place in places:
                    yield AskQueued(place)
            await self._look_up()  # the key may have been changed or withdrawn meanwhile
        yield AskStarted()

    def leave(self) -> None:
        """Give the place in the line, or among the running, to the next."""
        if self._leave is not None:
            self._leave()

    def fail(self, error: AskError) -> None:
        """End with `error`."""
        self._ending = Ending(Outcome.ERROR, error)

    def finished(self) -> AskFinished:
        """Give the last event."""
        ending, reply = self._ending, self._reply
        served = self._safely(reply.accepted)
        return AskFinished(
            outcome=ending.outcome,
            error=self._safe(ending.error) if ending.error else None,
            usage=reply.usage,
            cost_usd=reply.cost,
            served_model=served.served_model,
            provider=served.provider,
            unconfirmed=ending.unconfirmed,
            first_token_ms=self._first_token_ms,
            total_ms=self._watch.elapsed_ms if self._watch else None,
        )

    async def requests(self) -> AsyncGenerator[AskEvent, None]:
        """Send the request until it is answered, refused for good, or out of time. Raises AskFailed."""
        endpoint = self._endpoint or await self._look_up()
        tools, model = self._tools, self._ask.model.model
        url = url_under(endpoint.base_url, "/chat/completions")
        headers = headers_for(endpoint, tools.attribution) | HEADERS
        watch = self._watch = Watch(tools.clocks, self._ask.deadline_s, asyncio.get_running_loop().time)
        plan = Plan(tools.retries, watch, tools.quirks, (host_port(url), model))
        async with tools.clients.lease(url) as client:
            pause: float | None = 0.0
            while pause is not None:
                await self._permitted(endpoint)
                payload = payload_for(self._ask, endpoint, plan.quirks)
                request = client.build_request("POST", url, content=orjson.dumps(payload), headers=headers)
                attempt = Attempt(client, request, watch, queues=endpoint.kind == "compact")
                async with aclosing(attempt.pieces()) as pieces:
                    async for piece in pieces:
                        if self._first_token_ms is None and not isinstance(piece, AskAccepted | AskQueued):
                            self._first_token_ms = watch.elapsed_ms
                        yield self._safely(piece) if isinstance(piece, AskAccepted) else piece
                self._reply, self._ending = attempt.reply, attempt.ending
                pause = plan.after(attempt, payload)
                if pause is not None and attempt.ending.error is not None:
                    yield AskRetrying(pause, self._safe(attempt.ending.error))
                    await asyncio.sleep(pause)
                    yield AskResending(attempt.was_lost)

    async def _permitted(self, endpoint: Endpoint) -> None:
        """Take the last step before the text leaves: while it waited, in line or to be sent again, rules may have changed."""
        try:
            await self._permit(self._ask.model.connection, endpoint)
        except AskFailed as failed:
            # What is only not sent again has been asked.
            raise AskFailed(replace(failed.error, asked=failed.error.asked or self._was_sent)) from failed
        self._was_sent = True

    async def _look_up(self) -> Endpoint:
        self._endpoint = await self._endpoints(self._ask.model.connection)
        check_ask(self._ask, self._endpoint)
        return self._endpoint

    def _safe(self, error: AskError) -> AskError:
        return redacted(error, self._key)

    def _safely(self, told: AskAccepted) -> AskAccepted:
        """Give who serves the call without the key, which a server might repeat in any field."""
        names = (told.generation_id, told.provider, told.served_model)
        return AskAccepted(*(without(self._key, name) if name else name for name in names))

    @property
    def _key(self) -> str | None:
        return self._endpoint.api_key if self._endpoint else None
