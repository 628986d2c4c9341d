"""What a link leads to: the run's page as far as it is shown, its texts as they were written, and files of it."""

from __future__ import annotations

import math
import re
import secrets
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.runs.attached.keeping import own_pictures
from fusion_site.runs.live.watching import page_view
from fusion_site.runs.loading import load_state
from fusion_site.runs.pages.compose import compose_page
from fusion_site.runs.pages.exporting import FORMS, exported
from fusion_site.runs.pages.pictures import picture_of_run
from fusion_site.runs.sharing.access import ends_at
from fusion_site.runs.sharing.flows.look import note_view
from fusion_site.runs.sharing.flows.unlock import TooManyTries, unlock
from fusion_site.runs.sharing.models import Comment
from fusion_site.runs.sharing.pages.guarding import for_locked_visitors, for_visitors, page
from fusion_site.runs.sharing.visiting import SEEN, Visit, remember_ballot, remember_unlocked
from fusion_site.runs.voting.ballot import ballot_for
from fusion_site.runs.voting.flows.vote import BallotChanged, NothingToVote, vote_by_letter
from fusion_site.runs.voting.showing import ballot_view
from fusion_site.runs.voting.tally import tally_of
from fusion_site.runs.voting.voter import visitor_of

_MARK = re.compile(r"[\w-]{16,40}", re.ASCII)


@require_http_methods(["GET", "HEAD", "POST"])
@for_locked_visitors
def shared(request: HttpRequest, at: Visit) -> HttpResponseBase:
    """Show what the link shows, or ask for its password; a POST is a try of the password."""
    if not at.is_unlocked:
        return _unlocked(request, at)
    if request.method == "GET" and at.place is None:
        note_view(at.share)
    return _shared_page(request, at)


def _unlocked(request: HttpRequest, at: Visit) -> HttpResponseBase:
    if request.method != "POST":
        return page("sharing/password.html", {})
    try:
        is_right = unlock(at.share, request.POST.get("password", ""))
    except TooManyTries as many:
        wait = math.ceil(many.wait_s)
        said = f"Too many passwords were tried on this link. Try again in {wait} s."
        response = page("sharing/password.html", {"error": said}, status=429)
        response["Retry-After"] = str(wait)
        return response
    if not is_right:
        return page("sharing/password.html", {"error": "This is not the password."}, status=422)
    answer = HttpResponseRedirect(request.path)
    remember_unlocked(answer, at.share, request.path)
    return answer


def _shared_page(
    request: HttpRequest, at: Visit, errors: Errors | None = None, status: int = 200
) -> HttpResponse:
    lens, is_blind = at.lens(), at.is_blind()
    view = page_view(at.share.run, may_act=False, lens=lens)
    shows_comments = at.share.with_comments and not is_blind
    context = {
        "state": view,
        "status_line": view["status"],
        "is_follow_up": at.share.run.after_id is not None,
        "comments": _comments(at) if shows_comments else None,
        "share": at.share,
        "ends_at": ends_at(at.share),
        "place": at.place,
        "path": _path(request),
        "may_run": at.place is not None or lens.prompt,
        "is_signed_in": at.user is not None,
        "is_blind": is_blind,
        **(_ballot(request, at, errors) if is_blind else _tally(at)),
    }
    return page("sharing/shared.html", context, status)


def _path(request: HttpRequest) -> str:
    """Give the link's own address, also below it."""
    match = request.resolver_match
    assert match is not None
    return reverse("shared", args=[match.kwargs["token"]])


def _comments(at: Visit) -> list[Comment]:
    return list(Comment.objects.filter(run=at.share.run_id).select_related("person"))


def _ballot(request: HttpRequest, at: Visit, errors: Errors | None) -> dict[str, Any]:
    """Give a ballot in an order of its own. Its mark names the voter only once it comes back: nothing is kept before."""
    mark = _mark_in(request) or secrets.token_urlsafe(16)
    run = at.share.run
    ballot = ballot_for(run, load_state(run.pk), visitor_of(at.share.pk, mark).key)
    if ballot is None:
        return {"ballot": None}
    return {"ballot": ballot_view(ballot, request.POST, errors), "mark": mark}


def _mark_in(request: HttpRequest) -> str:
    given = request.POST.get("mark", "")
    return given if _MARK.fullmatch(given) else ""


def _tally(at: Visit) -> dict[str, Any]:
    """Give what the votes add up to, to who can see the names."""
    run = at.share.run
    if not at.share.voting or not at.share.lens.members:
        return {}
    ballot = ballot_for(run, load_state(run.pk), "")
    return {"tally": tally_of(run, ballot)} if ballot else {}


@require_POST
@for_visitors
def cast(request: HttpRequest, at: Visit) -> HttpResponseBase:
    """Take a visitor's vote, or note that they want to see the names without one, and lead back to the page."""
    path, mark = _path(request), _mark_in(request)
    if not at.is_blind():
        return HttpResponseRedirect(path)
    answer = HttpResponseRedirect(path)
    if request.POST.get("do") == "see":
        remember_ballot(answer, SEEN, path)
        return answer
    try:
        vote_by_letter(at.share.run, visitor_of(at.share.pk, mark), _given(request))
    except Invalid as invalid:
        return _shared_page(request, at, invalid.fields, 422)
    except (BallotChanged, NothingToVote) as changed:
        return _shared_page(request, at, {"form": [str(changed)]}, 409)
    remember_ballot(answer, mark, path)
    return answer


def _given(request: HttpRequest) -> dict[str, object]:
    return {name: request.POST.get(name, "") for name in ("choice", "seal", "note")}


@require_safe
@for_visitors
def fused_text(request: HttpRequest, at: Visit) -> HttpResponseBase:
    """Give the fused answer's text exactly as it was fused."""
    run = at.share.run
    row = run.fusions.filter(finished=True).last() if at.lens().fused else None
    return _text(row.text if row else None)


@require_safe
@for_visitors
def answer_text(request: HttpRequest, at: Visit, answer_id: str) -> HttpResponseBase:
    """Give one answer's text exactly as it was received."""
    row = at.share.run.answers.filter(pk=answer_id).first() if at.lens().members else None
    return _text(row.text if row else None)


def _text(text: str | None) -> HttpResponse:
    if text is None:
        raise Http404
    return HttpResponse(text, content_type="text/markdown; charset=utf-8")


@require_safe
@for_visitors
def export(request: HttpRequest, at: Visit, form: str) -> HttpResponseBase:
    """Give what the link shows as a file."""
    if form not in FORMS:
        raise Http404
    lens = at.lens()
    return exported(lens.state(load_state(at.share.run_id)), form, lens)


@require_safe
@for_visitors
def run_it(request: HttpRequest, at: Visit) -> HttpResponseBase:
    """Lead to the form in which the prompt is asked again: by the same preset in the team, else with the prompt alone."""
    if at.user is None:
        return redirect_to_login(request.path)
    if at.place is None and not at.lens().prompt:
        raise Http404
    preset = at.share.run.preset_id if at.place else None
    return compose_page(request, {}, prompt=at.share.run.prompt, preset=preset or "")


@require_safe
@for_visitors
def picture(request: HttpRequest, at: Visit, sha256: str) -> HttpResponseBase:
    """Give a picture that the run was asked with, where the link shows the prompt."""
    if not at.lens().prompt or not any(p["sha256"] == sha256 for p in own_pictures(at.share.run)):
        raise Http404
    return picture_of_run(at.share.run, sha256)
