"""`/api/v1/runs`: ask a preset, read what came of it, follow it live, stop it, go on with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from annotated_types import Interval
from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from ninja import Field, Header, Query, Router
from pydantic import StringConstraints

from fusion_site.accounts.models import Membership
from fusion_site.accounts.passes import Pass
from fusion_site.accounts.watch import while_good
from fusion_site.api.choice_shapes import Choice
from fusion_site.api.doors import Caller, Given, caller
from fusion_site.api.paging import Paging, page
from fusion_site.api.refusals import refusal
from fusion_site.api.run_shapes import AcceptedRun, RunOut, RunPage, StepPage, TodayOut
from fusion_site.api.versions import difference_json
from fusion_site.engine.asking import ErrorKind, Message
from fusion_site.engine.turns import History
from fusion_site.ops.metrics import LISTENERS
from fusion_site.ops.querying import snapshot
from fusion_site.pools.invalid import REQUIRED, Invalid, no_such
from fusion_site.pools.models import Preset
from fusion_site.pools.reading import is_storable
from fusion_site.runs.access import may_act
from fusion_site.runs.flows.add_member import add_member
from fusion_site.runs.flows.again import fuse_run_again, retry_answer
from fusion_site.runs.flows.cancel import cancel_answer, cancel_run
from fusion_site.runs.flows.following import preset_after
from fusion_site.runs.flows.guide import guide_run
from fusion_site.runs.flows.reopening import NotNow
from fusion_site.runs.flows.repeat import repeat_run
from fusion_site.runs.flows.start import ChangedSince, KeyReused, Order, start_run
from fusion_site.runs.limits import LimitReached, OverBudget
from fusion_site.runs.live.feed import follow
from fusion_site.runs.loading import load_state, state_of
from fusion_site.runs.models import Answer, Run, State
from fusion_site.runs.raw_steps import step_json, steps_of
from fusion_site.runs.reading import run_json
from fusion_site.runs.today import today_of

router = Router(tags=["runs"])

# A comment this often keeps proxies and clients from giving up on a quiet stream, in seconds.
HEARTBEAT_S = 15.0
# What a program is told to wait for other runs to end, in seconds.
LIMIT_RETRY_S = 5


class TurnGiven(Given):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class NewRun(Given):
    """What a new run needs: a preset, and either a prompt or a conversation that ends with a user turn.

    A follow-up needs a prompt, and the run that it comes after.
    """

    preset: str | None = Field(
        None, description="The id or the slug of a preset; a follow-up's is its run's by default."
    )
    prompt: str | None = None
    messages: list[TurnGiven] | None = None
    variables: dict[str, str] | None = Field(None, description="Values for the preset's template.")
    after: str | None = Field(None, description="The run that this one follows up, which has to be over.")
    history: Literal["fused", "own", "all"] | None = Field(
        None,
        description="What members are shown as earlier answers: the fused ones (default), each its own, or all.",
    )
    again_of: str | None = Field(
        None,
        description="A run whose words are asked again, of what its preset is now; then nothing but `guided` and `seen` is given.",
    )
    seen: str | None = Field(
        None, description="`seen` of `GET runs/{id}/again`: 409 where what is there has changed since."
    )
    guided: bool | None = Field(
        None,
        description="Wait before the final step for a choice of what is kept; null is no, whatever the preset says, but with "
        "`again_of` yes where that run waited or its preset does today.",
    )


class NewMember(Given):
    """One more model for a run that is over."""

    connection: str = Field(description="The id of a connection.")
    model: str = Field(description="The model's id as the connection knows it.")
    label: str | None = None


Key = Annotated[str, StringConstraints(min_length=1, max_length=255)] | None
Seq = Annotated[int, Interval(ge=0)]


@router.post("", response={201: AcceptedRun})
def create_run(
    request: HttpRequest, payload: NewRun, idempotency_key: Header[Key] = None
) -> dict[str, Any] | HttpResponse:
    """Ask a preset. With the header `Idempotency-Key`, the same body gives the same run for 24 hours."""
    try:
        run = _started(caller(request), payload, idempotency_key)
    except KeyReused:
        return refusal(409, "This Idempotency-Key was used with another body.")
    except ChangedSince as changed:
        return refusal(409, str(changed))
    except LimitReached as limit:
        return _refused(limit)
    # What was answered when it was accepted, also when the same key asks again.
    return {"id": run.pk, "url": _url(request, run), "state": State.QUEUED}


def _started(who: Caller, payload: NewRun, key: str | None) -> Run:
    if payload.again_of is None:
        if payload.seen is not None:
            raise Invalid({"seen": ["Say which run is asked again."]})
        return start_run(who.token.user, who.token.team, _order(payload, who.token.team_id, key))
    given = payload.model_dump(exclude_none=True).keys() - {"again_of", "seen", "guided"}
    if given:
        raise Invalid({name: ["A run that is asked again has its own."] for name in given})
    run = _run_named(payload.again_of, who.token.team_id, "again_of")
    return repeat_run(
        who.token.user, run, seen=payload.seen or "", guided=payload.guided, idempotency_key=key
    )


def _refused(limit: LimitReached) -> HttpResponse:
    if isinstance(limit, OverBudget):
        return _later(429, limit, ErrorKind.BILLING, after_s=LIMIT_RETRY_S if limit.may_pass else None)
    return _later(429, limit, ErrorKind.RATE_LIMIT, after_s=LIMIT_RETRY_S)


def _later(status: int, why: Exception, kind: ErrorKind, *, after_s: int | None) -> HttpResponse:
    """Refuse for now; without `after_s`, waiting for other runs to end would not help."""
    response = refusal(status, str(why), kind=kind)
    if after_s is not None:
        response["Retry-After"] = str(after_s)
    return response


def _order(payload: NewRun, team: str, key: str | None) -> Order:
    after = _run_named(payload.after, team, "after") if payload.after is not None else None
    preset = _preset(payload.preset, after, team)
    if (payload.prompt is None) == (payload.messages is None):
        raise Invalid({"prompt": ["Give either a prompt or messages."]})
    turns = [Message(t.role, t.content) for t in payload.messages or []]
    if payload.messages is not None and (not turns or turns[-1].role != "user"):
        raise Invalid({"messages": ["The last message must be the user's."]})
    history = History(payload.history) if payload.history else None
    return Order(
        preset,
        payload.prompt or "",
        turns,
        payload.variables or {},
        guided=payload.guided or False,
        idempotency_key=key,
        after=after,
        history=history,
    )


def _run_named(run_id: str, team: str, field: str) -> Run:
    run = Run.objects.filter(team=team, pk=run_id).first() if is_storable(run_id) else None
    if run is None:
        raise Invalid({field: [no_such("run")]})
    return run


def _preset(name: str | None, after: Run | None, team: str) -> Preset:
    if name is None and after is None:
        raise Invalid({"preset": [REQUIRED]})
    if name is None and after is not None:
        return preset_after(after)
    named = Q(pk=name) | Q(slug=name)
    preset = Preset.objects.select_related("judge__connection", "pool").filter(named, team=team).first()
    if preset is None:
        raise Invalid({"preset": [no_such("preset")]})
    return preset


def _url(request: HttpRequest, run: Run) -> str:
    return request.build_absolute_uri(reverse("run", args=[run.pk]))


def _found(request: HttpRequest, run_id: str) -> Run:
    run = Run.objects.filter(team=caller(request).token.team_id, pk=run_id).first()
    if run is None:
        raise Http404
    return run


@router.get("", response=RunPage, by_alias=True)
def list_runs(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Give the team's runs, newest first."""
    rows = Run.objects.filter(team=caller(request).token.team_id)
    runs, following = page(rows, paging, by=("-created_at", "-id"))
    return {"items": [run_json(load_state(run.pk)) for run in runs], "next": following}


@router.get("/{run_id}", response=RunOut, by_alias=True)
def read_run(request: HttpRequest, run_id: str) -> dict[str, Any]:
    """Give one run as it is now, with what has been written of every answer."""
    with snapshot():
        return run_json(state_of(_found(request, run_id)))


@router.get("/{run_id}/again", response=TodayOut)
def look_again(request: HttpRequest, run_id: str) -> dict[str, Any]:
    """Give what has changed since the run in what it would use if it were asked again now; asks nothing."""
    run = _found(request, run_id)
    today = today_of(run)
    return {
        "preset": today.preset.pk,
        "pinned": run.pinned or None,
        "changes": [difference_json(each) for each in today.changes],
        "seen": today.seen,
    }


@router.get("/{run_id}/steps", response=StepPage)
def read_steps(request: HttpRequest, run_id: str, version: int | None = None) -> dict[str, Any]:
    """Give every call by the judge, raw and in order: of the whole run, or those that one version rests on."""
    steps = steps_of(_found(request, run_id), version)
    return {"items": [step_json(step) for step in steps], "next": None}


@router.post("/{run_id}/cancel", response={202: AcceptedRun})
def stop_run(request: HttpRequest, run_id: str) -> dict[str, Any]:
    """Stop a run; what was written stays."""
    run = _actable(request, run_id)
    cancel_run(run)
    return {"id": run.pk, "url": _url(request, run), "state": run.state}


@router.post("/{run_id}/answers/{answer_id}/cancel", response={202: AcceptedRun})
def stop_answer(request: HttpRequest, run_id: str, answer_id: str) -> dict[str, Any]:
    """Stop one answer; the others go on."""
    run = _actable(request, run_id)
    answer = Answer.objects.filter(run=run, pk=answer_id).first()
    if answer is None:
        raise Http404
    cancel_answer(answer)
    return {"id": run.pk, "url": _url(request, run), "state": run.state}


@router.post("/{run_id}/fuse", response={202: AcceptedRun})
def fuse_run(request: HttpRequest, run_id: str) -> dict[str, Any] | HttpResponse:
    """Fuse what there is now as a further version; `run.updated` says when it is there. 409 while a pass is open."""
    return _again(request, partial(fuse_run_again, _actable(request, run_id)))


@router.post("/{run_id}/answers/{answer_id}/retry", response={202: AcceptedRun})
def retry_run_answer(request: HttpRequest, run_id: str, answer_id: str) -> dict[str, Any] | HttpResponse:
    """Ask one member again for its first answer; `run.updated` says when that is over. 409 while a pass is open."""
    answer = Answer.objects.filter(run=_actable(request, run_id), pk=answer_id).first()
    if answer is None:
        raise Http404
    return _again(request, partial(retry_answer, answer))


@router.post("/{run_id}/guidance", response={202: AcceptedRun})
def guide(request: HttpRequest, run_id: str, payload: Choice) -> dict[str, Any] | HttpResponse:
    """Say what the fused answer keeps. A run that waits goes on, also with none; one that is over makes a further version.

    409 where it neither waits nor is over.
    """
    given = payload.model_dump(exclude_unset=True, by_alias=True)
    return _again(request, partial(guide_run, _actable(request, run_id), given))


@router.post("/{run_id}/answers", response={202: AcceptedRun})
def add_run_member(request: HttpRequest, run_id: str, payload: NewMember) -> dict[str, Any] | HttpResponse:
    """Ask one more model; `run.updated` says when that is over. 409 while a pass is open, or with 8 members."""
    given, place = payload.model_dump(exclude_unset=True), caller(request).membership
    return _again(request, partial(add_member, place, _found(request, run_id), given))


def _again(request: HttpRequest, reopen: Callable[[], Run]) -> dict[str, Any] | HttpResponse:
    try:
        run = reopen()
    except NotNow as not_now:
        return refusal(409, str(not_now))
    except LimitReached as limit:
        return _refused(limit)
    return {"id": run.pk, "url": _url(request, run), "state": run.state}


def _actable(request: HttpRequest, run_id: str) -> Run:
    run = _found(request, run_id)
    if not may_act(caller(request).token.user, run):
        raise PermissionDenied(
            "Only who started a run, and editors of its team, may stop it or go on with it."
        )
    return run


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
    return _found(request, run_id), caller(request).membership


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
