"""The pages of this room: watch a run, stop it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from fusion_site.accounts.access import signed_in
from fusion_site.runs.access import actable_run, found_run, may_act
from fusion_site.runs.finding.marks import marks_view
from fusion_site.runs.flows.cancel import cancel_answer, cancel_run
from fusion_site.runs.live.watching import page_view
from fusion_site.runs.models import Answer, Fusion, Run
from fusion_site.runs.pages.thread import thread_view
from fusion_site.runs.pages.timeline import timeline_view


@signed_in
@require_GET
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show a run: everything so far from its rows; the WebSocket goes on from there."""
    return run_page(request, found_run(request.user, run_id))


def run_page(
    request: HttpRequest, row: Run, follow: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Give the page of a run. The box in which it is followed up comes when it is scrolled to, unless it is given."""
    view = page_view(row, may_act=may_act(request.user, row))
    context = {
        "state": view,
        "status_line": view["status"],
        "thread": thread_view(row),
        "follow": follow,
        "marks": marks_view(request.user, row),
        # Of a run that goes on it is fetched when it is opened.
        "timeline": None if row.is_open else timeline_view(row),
    }
    return render(request, "runs/run.html", context, status=status)


@signed_in
@require_GET
def answer_markdown(request: HttpRequest, run_id: str, answer_id: str) -> HttpResponse:
    """Give one answer's text exactly as it was received."""
    return _markdown(found_run(request.user, run_id).answers.filter(pk=answer_id).first())


@signed_in
@require_GET
def fused_markdown(request: HttpRequest, run_id: str) -> HttpResponse:
    """Give the newest finished fused answer's text exactly as it was fused."""
    return _markdown(found_run(request.user, run_id).fusions.filter(finished=True).last())


@signed_in
@require_GET
def version_markdown(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """Give one whole version of the fused answer exactly as it was fused."""
    fusions = found_run(request.user, run_id).fusions
    return _markdown(fusions.filter(finished=True, version=number).first())


def _markdown(row: Answer | Fusion | None) -> HttpResponse:
    if row is None:
        raise Http404
    return HttpResponse(row.text, content_type="text/markdown; charset=utf-8")


@signed_in
@require_POST
def stop_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Stop a run; without htmx, lead back to its page."""
    row = actable_run(request.user, run_id)
    cancel_run(row)
    return _done(request, row)


@signed_in
@require_POST
def stop_answer(request: HttpRequest, run_id: str, answer_id: str) -> HttpResponse:
    """Stop one answer of a run; the others go on."""
    row = actable_run(request.user, run_id)
    answer = row.answers.filter(pk=answer_id).first()
    if answer is None:
        raise Http404
    cancel_answer(answer)
    return _done(request, row)


def _done(request: HttpRequest, row: Run) -> HttpResponse:
    # What changed reaches the page over its WebSocket.
    return HttpResponse(status=204) if getattr(request, "htmx", False) else redirect("run", row.pk)
