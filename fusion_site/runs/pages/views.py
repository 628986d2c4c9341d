"""The pages of this room: watch a run, find an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.models import Team
from fusion_site.runs.access import actable_run, found_run, may_act
from fusion_site.runs.flows.cancel import cancel_answer, cancel_run
from fusion_site.runs.header import short_header
from fusion_site.runs.live.choosing import WAITS
from fusion_site.runs.live.presenting import title_of
from fusion_site.runs.live.watching import page_view
from fusion_site.runs.loading import brief_states
from fusion_site.runs.models import Answer, Fusion, Run
from fusion_site.runs.pages.thread import thread_view
from fusion_site.runs.pages.timeline import timeline_view

PAGE = 30


@signed_in
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """Show the team's runs, newest first; `q` looks in prompts, `cursor` goes on from an earlier page."""
    rows = listed_runs(current_membership(request).team)
    query = request.GET.get("q", "").strip().replace("\x00", "")
    if query:
        rows = rows.filter(prompt__icontains=query)
    if cursor := request.GET.get("cursor"):
        last = rows.filter(pk=cursor).first()
        rows = rows.filter(created_at__lt=last.created_at) if last else rows
    found = list(rows[: PAGE + 1])
    context = {
        "runs": run_rows(found[:PAGE]),
        "query": query,
        "cursor": cursor or "",
        "next": found[PAGE - 1].pk if len(found) > PAGE else "",
    }
    return render(request, "runs/list.html", context)


def listed_runs(team: Team) -> QuerySet[Run]:
    """Give the team's runs with what a row of a list says of them."""
    large = ("settings", "verdict", "after__settings", "after__verdict")
    return Run.objects.filter(team=team).select_related("person", "after").defer(*large)


def run_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Give what rows of a list say of these runs."""
    states = brief_states(runs)
    return [_row(run, short_header(states[run.pk])) for run in runs]


def _row(run: Run, header: str) -> dict[str, Any]:
    return {
        "id": run.pk,
        "title": title_of(run.prompt),
        "after": {"id": run.after.pk, "title": title_of(run.after.prompt)} if run.after else None,
        "state": run.state,
        "header": header,
        "waits": WAITS if run.guided_until else "",
        "mode": run.mode,
        "mode_label": run.get_mode_display(),
        "preset_name": run.preset_name,
        "rehearsal": run.rehearsal,
        "created_at": run.created_at,
        "cost_usd": run.cost_usd,
        "person": run.person.name or run.person.email,
    }


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
