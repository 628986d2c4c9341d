"""Following up a run from its page."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fusion_site.accounts.access import signed_in
from fusion_site.accounts.models import User
from fusion_site.engine.asking import Message
from fusion_site.engine.turns import History
from fusion_site.ops.draining import Draining
from fusion_site.pools.estimating import estimate
from fusion_site.pools.freezing import freeze
from fusion_site.pools.invalid import Invalid, one_of
from fusion_site.pools.models import Preset
from fusion_site.runs.access import found_run
from fusion_site.runs.flows.following import followed
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.history import usual_lengths
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.models import Run
from fusion_site.runs.pages.thread import follow_form, frozen_turns, presets_for, turn_view
from fusion_site.runs.pages.views import run_page


@signed_in
@require_http_methods(["GET", "POST"])
def follow_up(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show the box of a run's page in which it is followed up, or start the follow-up and lead to its page."""
    row = found_run(request.user, run_id)
    if request.method == "GET":
        return _box(request, row)
    try:
        made = _started(request, row)
    except Invalid as invalid:
        return run_page(request, row, follow_form(row, request.POST, invalid.fields), status=422)
    except LimitReached as limit:
        return run_page(request, row, follow_form(row, request.POST, {"form": [str(limit)]}), status=429)
    except Draining as draining:
        return run_page(request, row, follow_form(row, request.POST, {"form": [str(draining)]}), status=503)
    # Past the turns before it, to what is new.
    return redirect(f"{reverse('run', args=[made.pk])}#run")


def _box(request: HttpRequest, row: Run) -> HttpResponse:
    """Give the box alone where htmx asks for it, else the whole page with it."""
    follow = follow_form(row, {})
    if not getattr(request, "htmx", False):
        return run_page(request, row, follow)
    return render(request, "runs/_follow_up.html", {"run": row, "follow": follow})


def _started(request: HttpRequest, row: Run) -> Run:
    assert isinstance(request.user, User)
    preset, prompt = _preset(request, row), request.POST.get("prompt", "")
    order = Order(preset, prompt, guided=preset.guided, after=row, history=_history(request))
    return start_run(request.user, row.team, order)


def _preset(request: HttpRequest, row: Run) -> Preset:
    preset = presets_for(row).filter(pk=request.POST.get("preset", "")).first()
    if preset is None:
        raise Invalid({"preset": ["Choose a preset."]})
    return preset


def _history(request: HttpRequest) -> History:
    try:
        return History(request.POST.get("history", History.FUSED))
    except ValueError:
        raise Invalid({"history": [one_of([history.value for history in History])]}) from None


@signed_in
@require_POST
def estimate_follow_up(request: HttpRequest, run_id: str) -> HttpResponse:
    """Say what the follow-up that stands in the box may cost, as the fragment beside its button."""
    row = found_run(request.user, run_id)
    try:
        preset, thread = _preset(request, row), followed(row, _history(request), row.team)
    except Invalid:
        return HttpResponse(status=204)
    asked = (*thread.system, Message("user", request.POST.get("prompt", "")))
    settings = thread.joined(freeze(preset, asked, seed=0))
    found = estimate(settings, usual_lengths(row.team, settings))
    return render(request, "runs/_estimate.html", {"estimate": found})


@signed_in
@require_GET
def earlier_turn(request: HttpRequest, run_id: str, place: int) -> HttpResponse:
    """Show what was said in one of the turns before a run, for a fold that is being opened."""
    turn = frozen_turns(found_run(request.user, run_id)).get(place)
    if turn is None:
        raise Http404
    return render(request, "runs/_turn_text.html", {"turn": {**turn_view(turn), "place": place}})
