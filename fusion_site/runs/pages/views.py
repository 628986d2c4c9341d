"""The pages of this room: compose a prompt, watch a run."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.models import Team, User
from fusion_site.engine.asking import Message
from fusion_site.ops.draining import Draining
from fusion_site.pools.estimating import estimate
from fusion_site.pools.freezing import freeze
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Preset
from fusion_site.runs.access import actable_run, found_run, may_act
from fusion_site.runs.flows.cancel import cancel_answer, cancel_run
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.history import usual_lengths
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.live.watching import page_view
from fusion_site.runs.models import Answer, Fusion, Run
from fusion_site.runs.pages.choosing import given_variables, preset_choices
from fusion_site.runs.pages.rows import listed, rows_of
from fusion_site.runs.pages.thread import thread_view

RECENT = 6


@signed_in
@require_http_methods(["GET", "POST"])
def compose(request: HttpRequest) -> HttpResponse:
    """Ask a prompt: shows the form, or starts the run and leads to its page. What was typed is never lost."""
    if request.method == "GET":
        return compose_page(request, {})
    try:
        run = _started(request)
    except Invalid as invalid:
        return compose_page(request, invalid.fields, status=422)
    except LimitReached as limit:
        return compose_page(request, {"form": [str(limit)]}, status=429)
    except Draining as draining:
        return compose_page(request, {"form": [str(draining)]}, status=503)
    return redirect("run", run.pk)


def _started(request: HttpRequest) -> Run:
    assert isinstance(request.user, User)
    place = current_membership(request)
    preset = _presets(place.team).filter(pk=request.POST.get("preset", "")).first()
    if preset is None:
        raise Invalid({"preset": ["Choose a preset."]})
    given, guided = given_variables(request.POST, preset.pk), _wants_guided(request, preset)
    order = Order(preset, request.POST.get("prompt", ""), variables=given, guided=guided)
    return start_run(request.user, place.team, order)


def _wants_guided(request: HttpRequest, preset: Preset) -> bool:
    """A preset that lets people choose does so also where the box is not ticked."""
    return preset.guided or bool(request.POST.get("guided"))


def _presets(team: Team) -> QuerySet[Preset]:
    return Preset.objects.select_related("judge__connection", "pool").filter(team=team)


def compose_page(
    request: HttpRequest,
    errors: dict[str, list[str]],
    status: int = 200,
    *,
    prompt: str = "",
    preset: str = "",
) -> HttpResponse:
    """Give the form in which a prompt is asked, with what was typed in it, else with this prompt and preset."""
    place = current_membership(request)
    presets = preset_choices(place.team, request.POST, errors)
    wanted = request.POST.get("preset") or request.GET.get("preset") or preset
    known = {preset["id"] for preset in presets}
    runs = listed(place.team)
    mine = list(runs.filter(person_id=request.user.pk)[:RECENT])
    form = {
        "presets": presets,
        "preset": wanted if wanted in known else next(iter(known), ""),
        "prompt": request.POST.get("prompt", prompt),
        "guided": request.POST.get("guided", ""),
        "errors": errors,
        "recent": rows_of(mine),
        "first_visit": not mine,
    }
    return render(request, "runs/compose.html", {"compose": form}, status=status)


@signed_in
@require_POST
def estimate_run(request: HttpRequest) -> HttpResponse:
    """Say what the run that stands in the compose form may cost, as the fragment beside its button."""
    place = current_membership(request)
    preset = _presets(place.team).filter(pk=request.POST.get("preset", "")).first()
    if preset is None:
        return HttpResponse(status=204)
    filled = given_variables(request.POST, preset.pk)
    text = "\n".join([preset.template, request.POST.get("prompt", ""), *filled.values()])
    settings = freeze(preset, (Message("user", text),), guided=_wants_guided(request, preset), seed=0)
    found = estimate(settings, usual_lengths(place.team, settings))
    return render(request, "runs/_estimate.html", {"estimate": found})


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
