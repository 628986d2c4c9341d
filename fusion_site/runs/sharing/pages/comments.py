"""What people of the team say about a run: a part of its page that is brought when it is scrolled to, and a page of its own."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from fusion_site.accounts.access import membership_in, signed_in
from fusion_site.accounts.models import User
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.runs.access import found_run
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.flows.comment import add_comment, delete_comment, edit_comment
from fusion_site.runs.sharing.models import Comment
from fusion_site.runs.titles import titled
from fusion_site.runs.voting.tally import tally_for
from fusion_site.runs.voting.voter import voter_of


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def comments(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """Show the comments on a run; a POST adds one. htmx gets the part of the page alone."""
    run = found_run(request.user, run_id)
    place = membership_in(request.user, run.team_id)
    if request.method != "POST" or place is None:
        return _part(request, run)
    try:
        add_comment(place, run, {"text": request.POST.get("text", "")})
    except Invalid as invalid:
        return _part(request, run, errors=invalid.fields)
    return _done(request, run)


@signed_in
@require_POST
def change(request: HttpRequest, run_id: str, comment_id: str) -> HttpResponseBase:
    """Edit or delete one's own comment; another's answers as one that does not exist."""
    run = found_run(request.user, run_id)
    place = membership_in(request.user, run.team_id)
    comment = (
        run.comments.filter(pk=comment_id, person_id=request.user.pk).select_related("run__team").first()
    )
    if comment is None or place is None:
        raise Http404
    try:
        if request.POST.get("do") == "delete":
            delete_comment(place, comment)
        else:
            edit_comment(place, comment, {"text": request.POST.get("text", "")})
    except Invalid as invalid:
        return _part(request, run, edited=comment, errors=invalid.fields)
    return _done(request, run)


def _done(request: HttpRequest, run: Run) -> HttpResponseBase:
    return _part(request, run) if getattr(request, "htmx", False) else redirect("comments", run.pk)


def _part(
    request: HttpRequest, run: Run, *, edited: Comment | None = None, errors: Errors | None = None
) -> HttpResponse:
    assert isinstance(request.user, User)
    is_part = bool(getattr(request, "htmx", False))
    context = {
        "run": run,
        "title": titled(run),
        "comments": list(run.comments.select_related("person")),
        "tally": tally_for(run, voter_of(request.user)),
        "edited": edited.pk if edited else "",
        "typed": request.POST.get("text", "") if errors else "",
        "errors": errors or {},
    }
    # htmx shows nothing of an answer that is an error.
    status = 422 if errors and not is_part else 200
    name = "sharing/_comments.html" if is_part else "sharing/comments.html"
    return render(request, name, context, status=status)
