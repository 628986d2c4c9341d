"""Going on with a run from its page: fuse again, retry an answer, ask one more model, take one answer for the fused one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fusion_site.accounts.access import membership_in, signed_in
from fusion_site.accounts.models import Membership, User
from fusion_site.engine.again import stand_now
from fusion_site.ops.draining import Draining
from fusion_site.pools.drafts import Fields, draft_of
from fusion_site.pools.estimating import estimate_again
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.pools.models import Connection
from fusion_site.pools.picking import facts_in
from fusion_site.pools.plain import Plain
from fusion_site.pools.rights import require_editor
from fusion_site.runs.access import actable_run, found_run
from fusion_site.runs.flows.add_member import add_member
from fusion_site.runs.flows.again import fuse_run_again, retry_answer
from fusion_site.runs.flows.choose import take_back, use_answer
from fusion_site.runs.flows.reopening import NotNow
from fusion_site.runs.frozen import settings_from_json
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.models import Run
from fusion_site.runs.resuming import resume_of
from fusion_site.runs.titles import titled


@signed_in
@require_POST
def fuse_again(request: HttpRequest, run_id: str) -> HttpResponse:
    """Fuse what there is now as a further version; what happens reaches the page over its WebSocket."""
    run = actable_run(request.user, run_id)
    return gone_on(request, run, partial(fuse_run_again, run))


@signed_in
@require_POST
def retry(request: HttpRequest, run_id: str, answer_id: str) -> HttpResponse:
    """Ask one member again for its first answer."""
    run = actable_run(request.user, run_id)
    answer = get_object_or_404(run.answers, pk=answer_id)
    return gone_on(request, run, partial(retry_answer, answer))


@signed_in
@require_POST
def use(request: HttpRequest, run_id: str, answer_id: str) -> HttpResponse:
    """Take one answer in place of the fused one, as a further version."""
    run = actable_run(request.user, run_id)
    answer = get_object_or_404(run.answers, pk=answer_id)
    return gone_on(request, run, partial(use_answer, answer))


@signed_in
@require_POST
def undo(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """Take back the newest version, which somebody chose by hand."""
    run = actable_run(request.user, run_id)
    get_object_or_404(run.fusions, version=number)
    return gone_on(request, run, partial(take_back, run, number))


@signed_in
@require_GET
def fuse_estimate(request: HttpRequest, run_id: str) -> HttpResponse:
    """Say what fusing again may cost, as the fragment beside its button."""
    run = actable_run(request.user, run_id)
    settings = settings_from_json(run.settings)
    stood = stand_now(settings, resume_of(run))
    written = [len(position.text) for position in stood] if len(stood) > 1 else []
    found = estimate_again(settings, (), judged=True, written=written)
    return render(request, "runs/_estimate.html", {"estimate": found})


def gone_on(request: HttpRequest, run: Run, reopen: Callable[[], Run]) -> HttpResponse:
    """Go on with a run; where that cannot be, the page says why."""
    why_not = _why_not(reopen)
    if why_not:
        messages.warning(request, why_not)
    if not getattr(request, "htmx", False):
        return redirect("run", run.pk)
    if why_not:
        return render(request, "partials/toasts.html", {"oob": True})
    return HttpResponse(status=204)


def _why_not(reopen: Callable[[], Run]) -> str:
    """Open the later pass; gives nothing, or why it cannot be."""
    try:
        reopen()
    except (NotNow, LimitReached, Draining) as refused:
        return str(refused)
    except Invalid as invalid:
        return " ".join(dict.fromkeys(text for texts in invalid.fields.values() for text in texts))
    return ""


@signed_in
@require_http_methods(["GET", "POST"])
def ask_another(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show the form in which one more model is chosen for a run, or ask it and lead to the run."""
    run = found_run(request.user, run_id)
    assert isinstance(request.user, User)
    place = membership_in(request.user, run.team_id)
    assert place is not None
    require_editor(place)
    if request.method == "GET":
        return _form(request, run, {}, {})
    return _asked(request, place, run, draft_of(request.POST))


def _asked(request: HttpRequest, place: Membership, run: Run, draft: Plain) -> HttpResponse:
    try:
        add_member(place, run, draft)
    except Invalid as invalid:
        return _form(request, run, draft, invalid.fields)
    except (NotNow, LimitReached, Draining) as refused:
        return _form(request, run, draft, {"form": [str(refused)]})
    return redirect("run", run.pk)


def _form(request: HttpRequest, run: Run, draft: Plain, errors: Errors) -> HttpResponse:
    context = {
        "run": run,
        "title": titled(run),
        "form": Fields(draft, errors),
        "connections": Connection.objects.filter(team=run.team_id),
        "known": facts_in(run.team, draft),
        "form_team": run.team_id,
        # What is wrong with none of the inputs, such as a budget, stands above them all.
        "general": [text for at, texts in errors.items() if at not in _INPUTS for text in texts],
    }
    return render(request, "runs/ask_another.html", context, status=422 if errors else 200)


_INPUTS = {"connection", "model", "label"}
