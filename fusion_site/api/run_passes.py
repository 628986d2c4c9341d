"""`/api/v1/runs/{id}/…`: stop a run or an answer, fuse again, ask a member again or one more, choose what is kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, Router

from fusion_site.api.choice_shapes import Choice
from fusion_site.api.doors import Given, caller
from fusion_site.api.refusals import refusal
from fusion_site.api.run_doors import accepted, actable, found, limited
from fusion_site.api.run_shapes import AcceptedRun
from fusion_site.runs.flows.add_member import add_member
from fusion_site.runs.flows.again import fuse_run_again, retry_answer
from fusion_site.runs.flows.cancel import cancel_answer, cancel_run
from fusion_site.runs.flows.choose import take_back, use_answer
from fusion_site.runs.flows.guide import guide_run
from fusion_site.runs.flows.reopening import NotNow
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.models import Answer, Run

router = Router(tags=["runs"])


class NewMember(Given):
    """One more model for a run that is over."""

    connection: str = Field(description="The id of a connection.")
    model: str = Field(description="The model's id as the connection knows it.")
    label: str | None = None


@router.post("/{run_id}/cancel", response={202: AcceptedRun})
def stop_run(request: HttpRequest, run_id: str) -> dict[str, Any]:
    """Stop a run; what was written stays."""
    run = actable(request, run_id)
    cancel_run(run)
    return accepted(request, run)


@router.post("/{run_id}/answers/{answer_id}/cancel", response={202: AcceptedRun})
def stop_answer(request: HttpRequest, run_id: str, answer_id: str) -> dict[str, Any]:
    """Stop one answer; the others go on."""
    run = actable(request, run_id)
    answer = Answer.objects.filter(run=run, pk=answer_id).first()
    if answer is None:
        raise Http404
    cancel_answer(answer)
    return accepted(request, run)


@router.post("/{run_id}/fuse", response={202: AcceptedRun})
def fuse_run(request: HttpRequest, run_id: str) -> dict[str, Any] | HttpResponse:
    """Fuse what there is now as a further version; `run.updated` says when it is there. 409 while a pass is open."""
    return _again(request, partial(fuse_run_again, actable(request, run_id)))


@router.post("/{run_id}/answers/{answer_id}/retry", response={202: AcceptedRun})
def retry_run_answer(request: HttpRequest, run_id: str, answer_id: str) -> dict[str, Any] | HttpResponse:
    """Ask one member again for its first answer; `run.updated` says when that is over. 409 while a pass is open."""
    answer = Answer.objects.filter(run=actable(request, run_id), pk=answer_id).first()
    if answer is None:
        raise Http404
    return _again(request, partial(retry_answer, answer))


@router.post("/{run_id}/answers/{answer_id}/use", response={202: AcceptedRun})
def use_run_answer(request: HttpRequest, run_id: str, answer_id: str) -> dict[str, Any] | HttpResponse:
    """Make one answer, word for word, the newest version of the fused answer. 409 while a pass is open."""
    answer = Answer.objects.filter(run=actable(request, run_id), pk=answer_id).first()
    if answer is None:
        raise Http404
    return _again(request, partial(use_answer, answer))


@router.delete("/{run_id}/fusions/{number}", response={204: None})
def take_version_back(request: HttpRequest, run_id: str, number: int) -> HttpResponse | None:
    """Take back the newest version, where it was chosen by hand: the one before it is shown again. 409 otherwise."""
    run = actable(request, run_id)
    if not run.fusions.filter(version=number).exists():
        raise Http404
    try:
        take_back(run, number)
    except NotNow as not_now:
        return refusal(409, str(not_now))
    return None


@router.post("/{run_id}/guidance", response={202: AcceptedRun})
def guide(request: HttpRequest, run_id: str, payload: Choice) -> dict[str, Any] | HttpResponse:
    """Say what the fused answer keeps. A run that waits goes on, also with none; one that is over makes a further version.

    409 where it neither waits nor is over.
    """
    given = payload.model_dump(exclude_unset=True, by_alias=True)
    return _again(request, partial(guide_run, actable(request, run_id), given))


@router.post("/{run_id}/answers", response={202: AcceptedRun})
def add_run_member(request: HttpRequest, run_id: str, payload: NewMember) -> dict[str, Any] | HttpResponse:
    """Ask one more model; `run.updated` says when that is over. 409 while a pass is open, or with 8 members."""
    given, place = payload.model_dump(exclude_unset=True), caller(request).membership
    return _again(request, partial(add_member, place, found(request, run_id), given))


def _again(request: HttpRequest, reopen: Callable[[], Run]) -> dict[str, Any] | HttpResponse:
    try:
        run = reopen()
    except NotNow as not_now:
        return refusal(409, str(not_now))
    except LimitReached as limit:
        return limited(limit)
    return accepted(request, run)
