"""Stars and tags, on a row of the list and on a run's page, and the page on which tags are renamed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, membership_in, person_of, signed_in, visible
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.naming import is_id
from fusion_site.runs.access import actable_run, found_run
from fusion_site.runs.finding.flows.mark import rename_tag, set_tags, star, unstar
from fusion_site.runs.finding.marks import marks_view, tags_of
from fusion_site.runs.finding.models import Tag
from fusion_site.runs.models import Run


@signed_in
@require_POST
def star_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Star a run, or with `off` take the star away; htmx gets the button as it is then."""
    run = found_run(request.user, run_id)
    is_off = bool(request.POST.get("off"))
    (unstar if is_off else star)(person_of(request), run)
    if not getattr(request, "htmx", False):
        return redirect("run", run.pk)
    return render(request, "runs/_star.html", {"run": {"id": run.pk, "starred": not is_off}})


@signed_in
@require_http_methods(["GET", "POST"])
def tags(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """Show the form in which a run's tags are typed, or put those on it that were."""
    run = actable_run(request.user, run_id)
    if request.method == "GET":
        return _tags_form(request, run)
    typed = request.POST.get("tags", "")
    place = membership_in(request.user, run.team_id)
    assert place is not None
    try:
        set_tags(place, run, typed.split(","))
    except Invalid as invalid:
        return _tags_form(request, run, typed=typed, errors=invalid.fields["tags"])
    if not getattr(request, "htmx", False):
        return redirect("run", run.pk)
    return render(request, "runs/_marks.html", {"run": marks_view(request.user, run)})


def _tags_form(request: HttpRequest, run: Run, **typed: Any) -> HttpResponse:
    context = {
        "run": marks_view(request.user, run),
        "is_editing": True,
        "known": tags_of(run.team_id),
        **typed,
    }
    is_part = getattr(request, "htmx", False)
    template = "runs/_marks.html" if is_part else "runs/tags_of_run.html"
    return render(request, template, context, status=422 if typed and not is_part else 200)


@signed_in
@require_GET
def all_tags(request: HttpRequest) -> HttpResponse:
    """Show the team's tags, each with how many runs have it."""
    place = current_membership(request)
    return render(request, "runs/tags.html", {"tags": tags_of(place.team_id), "may_edit": place.may_edit()})


@signed_in
@require_POST
def rename(request: HttpRequest, tag_id: str) -> HttpResponse:
    """Give a tag another name."""
    tag = visible(Tag, request.user).filter(pk=tag_id).first() if is_id(tag_id) else None
    place = membership_in(request.user, tag.team_id) if tag else None
    if tag is None or place is None:
        raise Http404
    typed = request.POST.get("name", "")
    try:
        saved = rename_tag(place, tag, typed)
    except Invalid as invalid:
        context = {"tags": tags_of(place.team_id), "may_edit": place.may_edit()}
        wrong = {"wrong": tag.pk, "typed": typed, "errors": invalid.fields["name"]}
        return render(request, "runs/tags.html", context | wrong, status=422)
    messages.success(request, f"The tag is called “{saved.name}” now.")
    return redirect("tags")
