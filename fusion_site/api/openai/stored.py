"""`/v1/responses/{id}`: what was asked before, read again, stopped or deleted. Every run of the team is such a response."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from fusion_site.api.doors import Caller
from fusion_site.api.openai.asking import Asked, asked_before
from fusion_site.api.openai.doors import door, said
from fusion_site.api.openai.ending import ending_of
from fusion_site.api.openai.fusion_call import FusionCall
from fusion_site.api.openai.inputs import items_of, page_of
from fusion_site.api.openai.refusals import Refused, unsupported
from fusion_site.api.openai.response_shapes import Reply, wants_fusion
from fusion_site.ops.querying import query
from fusion_site.pools.reading import is_storable
from fusion_site.runs.access import may_act_in
from fusion_site.runs.flows.cancel import cancel_run
from fusion_site.runs.flows.delete import delete_runs
from fusion_site.runs.models import Request, Run

PREFIX = "resp_"
NOT_YOURS = "Only who started a run, and editors of its team, may stop it."
# A run that is stopped has ended within about a second; a site that is busy is waited for so long, in seconds.
_STOPPED_WITHIN_S = 10.0
# What a reader may ask for that is so anyway.
_IDLE = {"stream": "false", "include_obfuscation": "false"}


@door("GET")
async def read_response(request: HttpRequest, caller: Caller, response_id: str) -> HttpResponse:
    """Give a response as it is now."""
    _check_query(request)
    return said(await query(response_now, await query(_found, request, caller, response_id)))


@door("DELETE")
async def delete_response(request: HttpRequest, caller: Caller, response_id: str) -> HttpResponse:
    """Delete the run, which is stopped."""
    await query(_delete, caller, response_id)
    return said({"id": response_id, "object": "response", "deleted": True})


@door("POST")
async def cancel_response(request: HttpRequest, caller: Caller, response_id: str) -> HttpResponse:
    """Stop the run, wait for that, and give the response; one that is over stays as it is."""
    asked = await query(_cancelled, request, caller, response_id)
    with suppress(TimeoutError, Refused):
        async with asyncio.timeout(_STOPPED_WITHIN_S):
            await asked.answered()
    return said(await query(response_now, await query(_found, request, caller, response_id)))


@door("GET")
async def list_inputs(request: HttpRequest, caller: Caller, response_id: str) -> HttpResponse:
    """Give what the run was asked, as its members were shown it: the newest turn first, unless told otherwise."""
    _check_query(request, {"after", "limit", "order", "include", "include[]"})
    items = await query(_inputs, caller, response_id)
    return said(page_of(items, request.GET))


def run_of(response_id: object, team: str) -> Run | None:
    """Give the run that a response of the team is; None for any other, and for what is none."""
    if not isinstance(response_id, str) or not response_id.startswith(PREFIX) or not is_storable(response_id):
        return None
    return Run.objects.filter(team=team, pk=response_id.removeprefix(PREFIX)).first()


def _run(caller: Caller, response_id: str) -> Run:
    run = run_of(response_id, caller.token.team_id)
    if run is None:
        raise Refused(404, f"Response with id '{response_id}' not found.")
    return run


def _found(request: HttpRequest, caller: Caller, response_id: str) -> Asked:
    return asked_before(request, caller, _run(caller, response_id))


def _cancelled(request: HttpRequest, caller: Caller, response_id: str) -> Asked:
    run = _run(caller, response_id)
    if not may_act_in(caller.membership, run):
        raise PermissionDenied(NOT_YOURS)
    cancel_run(run)
    return asked_before(request, caller, run)


def _delete(caller: Caller, response_id: str) -> None:
    delete_runs(caller.membership, [_run(caller, response_id)], timezone.now())


def _inputs(caller: Caller, response_id: str) -> list[dict[str, Any]]:
    run = _run(caller, response_id)
    return items_of(run, has_instructions="instructions" in _given(run))


def response_now(asked: Asked) -> dict[str, Any]:
    """Give the response: whole, or as far as it has come, or why it came to nothing."""
    run, given = asked.telling.run, _given(asked.telling.run)
    reply = Reply(asked, given, FusionCall(run) if wants_fusion(given) else None)
    try:
        return reply.whole(ending_of(asked.id, asked.telling.url))
    except Refused as refused:
        return reply.lost(refused) if asked.telling.state.is_final else reply.unfinished()


def _given(run: Run) -> dict[str, Any]:
    """Give what the request was. A run that was started at another door is of its preset in its mode."""
    row = Request.objects.filter(run=run).first()
    if row is not None:
        return dict(row.given)
    model = f"fusion/{run.preset.slug}:{run.mode}" if run.preset else run.preset_name
    before = {"previous_response_id": f"{PREFIX}{run.after_id}"} if run.after_id else {}
    return {"model": model, **before}


def _check_query(request: HttpRequest, known: Collection[str] = ()) -> None:
    for name, value in request.GET.items():
        if name not in known and _IDLE.get(name) != value:
            raise unsupported(name)
