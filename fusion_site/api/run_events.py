"""`/api/v1/runs/{id}/events`: follow a run live, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import orjson
from annotated_types import Interval
from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Header, Router

from fusion_site.accounts.models import Membership
from fusion_site.accounts.passes import Pass
from fusion_site.accounts.watch import while_good
from fusion_site.api.doors import Caller, caller
from fusion_site.api.run_doors import found
from fusion_site.ops.metrics import LISTENERS
from fusion_site.runs.live.feed import follow
from fusion_site.runs.models import Run

router = Router(tags=["runs"])

# A comment this often keeps proxies and clients from giving up on a quiet stream, in seconds.
HEARTBEAT_S = 15.0

Seq = Annotated[int, Interval(ge=0)]


@router.get("/{run_id}/events", response={200: None})
async def follow_run(
    request: HttpRequest, run_id: str, last_event_id: Header[Seq | None] = None
) -> StreamingHttpResponse:
    """Stream the run's events (SSE) after `Last-Event-ID`; ends when no pass is open, or the token no longer good."""
    run, place = await sync_to_async(_followed)(request, run_id)
    events = _events(caller(request), place, run.pk, last_event_id or 0)
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _followed(request: HttpRequest, run_id: str) -> tuple[Run, Membership]:
    return found(request, run_id), caller(request).membership


async def _events(who: Caller, place: Membership, run_id: str, after: int) -> AsyncGenerator[bytes, None]:
    given = Pass(who.token.user_id, who.token.team_id, token=who.token.pk)
    told = follow(run_id, after, heartbeat_s=HEARTBEAT_S)
    with LISTENERS.labels("api").track_inprogress():
        async for facts in while_good(given, place, told):
            if not facts:
                yield b": still here\n\n"
                continue
            yield b"".join(
                b"id: %d\nevent: %b\ndata: %b\n\n" % (fact.seq, fact.kind.encode(), orjson.dumps(fact.data))
                for fact in facts
            )
