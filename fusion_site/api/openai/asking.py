"""Starting the run that a request asks for, and waiting for what comes of it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import reverse

from fusion_site.accounts.models import Membership
from fusion_site.api.doors import Caller
from fusion_site.api.openai.ending import Ending, ending_of
from fusion_site.api.openai.parameters import inside
from fusion_site.api.openai.refusals import Refused, invalid, unsupported
from fusion_site.api.openai.telling import News, Telling
from fusion_site.ops.querying import query, query_patiently
from fusion_site.runs.flows.keep_request import keep_request
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run

# A stream in which nothing can be told says at least so often that it lives, in seconds: clients and proxies give up.
COMMENT_S = 4.0
_LONGEST_KEY = 255


@dataclass(frozen=True)
class Asked:
    """A run that was started for a caller, or found again by its Idempotency-Key."""

    caller: Caller
    place: Membership
    telling: Telling

    @property
    def id(self) -> str:
        """The run's id."""
        return self.telling.run.pk

    @property
    def created(self) -> int:
        """When it was started, in seconds since 1970."""
        return int(self.telling.run.created_at.timestamp())

    async def answered(self) -> Ending:
        """Wait for the answer. Raises Refused where there is none."""
        async with aclosing(self.telling.news(self.caller, self.place)) as told:
            async for _ in told:
                pass
        return await self.ending()

    async def spoken(self, say: Callable[[News], bytes]) -> AsyncGenerator[bytes, None]:
        """Yield what `say` makes of the news, and comments while that is nothing. Raises Refused."""
        yield b": the run %b has begun\n\n" % self.id.encode()
        spoke = time.monotonic()
        async with aclosing(self.telling.news(self.caller, self.place)) as told:
            async for news in told:
                piece = say(news)
                if not piece and time.monotonic() - spoke >= COMMENT_S:
                    piece = b": %b\n\n" % self.telling.state.state.encode()
                if piece:
                    spoke = time.monotonic()
                    yield piece

    async def ending(self) -> Ending:
        """Give how it ended, once there are no more news. Raises Refused where it has no answer."""
        return await query_patiently(ending_of, self.id, self.telling.url)


async def ask(
    request: HttpRequest,
    caller: Caller,
    order_of: Callable[[], Order],
    kept: Mapping[str, Any] | None = None,
) -> Asked:
    """Start the run of an order, which is made where queries may be. Raises what `start_run` does, or Refused.

    `kept` is what of the request is to be told again with what comes of it.
    """
    return await query(_ask, request, caller, order_of, kept)


def _ask(
    request: HttpRequest, caller: Caller, order_of: Callable[[], Order], kept: Mapping[str, Any] | None
) -> Asked:
    order = order_of()
    with transaction.atomic():
        run = start_run(caller.token.user, caller.token.team, order)
        if kept is not None:
            keep_request(run, kept)
    return asked_before(request, caller, run)


def asked_before(request: HttpRequest, caller: Caller, run: Run) -> Asked:
    """Give a run of the caller's team as it is now."""
    url = request.build_absolute_uri(reverse("run", args=[run.pk]))
    return Asked(caller, caller.membership, Telling(run, url, load_state(run.pk)))


def key_of(request: HttpRequest) -> str | None:
    """Give the request's Idempotency-Key. Raises Refused."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        raise invalid(f"An Idempotency-Key has 1 to {_LONGEST_KEY} characters.", "Idempotency-Key")
    return key


def variables_in(given: Mapping[str, Any]) -> dict[str, str]:
    """Give the values for the preset's template, from `fusion.variables`: the one thing that OpenAI has no place for."""
    own = inside(given, "fusion")
    for name in own.keys() - {"variables"}:
        raise unsupported(f"fusion.{name}")
    found = inside(own, "variables")
    for name, value in found.items():
        if not isinstance(value, str):
            at = f"fusion.variables.{name}"
            raise Refused(400, f"Invalid type for '{at}': it has to be text.", param=at, code="invalid_type")
    return dict(found)


def streamed(pieces: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """Give the response of an event stream, which no proxy keeps back."""
    response = StreamingHttpResponse(pieces, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response
