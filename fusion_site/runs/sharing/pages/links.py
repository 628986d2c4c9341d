"""The pages on which links are made, listed and revoked."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fusion_site.accounts.access import current_membership, membership_in, signed_in
from fusion_site.accounts.models import Membership, Role
from fusion_site.accounts.team_settings import link_policy
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.runs.access import found_run, may_act
from fusion_site.runs.live.lens import Part
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.access import ends_at, found_link, links_of, sharable_place, standing
from fusion_site.runs.sharing.flows.share import (
    COMMENTS,
    DEFAULT_DAYS,
    MOST_DAYS,
    SHOWN_BY_DEFAULT,
    revoke_share,
    share_run,
    shown_words,
)
from fusion_site.runs.sharing.models import Share
from fusion_site.runs.titles import titled

# Links that a page lists.
MOST_LISTED = 200
TYPE_IT_AGAIN = "Type the password again: it is not sent back to the page."
_WORDS = {
    Part.FUSED: ("Fused answer", ""),
    Part.VERDICT: ("Verdict", "what the judge found, and its scores"),
    Part.MEMBERS: ("Every model's answer", "with names, times, and who says which sentence"),
    Part.PROMPT: ("Prompt", "the whole of it, and the title made of it"),
    Part.COST: ("Costs", "what the run cost"),
    COMMENTS: ("Comments", "what people of the team have said"),
}


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def share(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """Show the form for a new link to a run, and its links; a POST makes one, and its answer alone shows the address."""
    run = found_run(request.user, run_id)
    place = membership_in(request.user, run.team_id)
    assert place is not None
    if request.method != "POST":
        return _page(request, run, place)
    sharable_place(request.user, run)
    try:
        made = share_run(place, run, _given(request.POST))
    except Invalid as invalid:
        return _page(request, run, place, errors=_again(request.POST, invalid.fields), status=422)
    address = request.build_absolute_uri(reverse("shared", args=[made.token]))
    return _page(request, run, place, made=address)


def _given(posted: QueryDict) -> dict[str, Any]:
    return {
        "show": posted.getlist("show"),
        "days": posted.get("days", ""),
        "password": posted.get("password", ""),
        "voting": "1" if posted.get("voting") else "0",
    }


def _again(posted: QueryDict, errors: Errors) -> Errors:
    """Give the errors, with a word at the password: it is in no page, and a link must not be made without it unnoticed."""
    return {"password": [TYPE_IT_AGAIN], **errors} if posted.get("password") else errors


def _page(
    request: HttpRequest,
    run: Run,
    place: Membership,
    *,
    errors: Errors | None = None,
    made: str = "",
    status: int = 200,
) -> HttpResponse:
    policy = link_policy(run.team)
    typed = request.POST if errors else None
    days = min(DEFAULT_DAYS, policy.max_days or DEFAULT_DAYS)
    context = {
        "run": run,
        "title": titled(run),
        "may_share": may_act(request.user, run),
        "policy": policy,
        "most_days": policy.max_days or MOST_DAYS,
        "choices": _choices(typed.getlist("show") if typed else [*SHOWN_BY_DEFAULT]),
        "typed": {
            "days": typed.get("days", "") if typed else days,
            "voting": bool(typed and typed.get("voting")),
        },
        "errors": errors or {},
        "made": made,
        "links": [link_view(each) for each in links_of(place).filter(run=run)[:MOST_LISTED]],
        "is_owner": place.role == Role.OWNER,
    }
    return render(request, "sharing/share.html", context, status=status)


def _choices(chosen: list[str]) -> list[dict[str, Any]]:
    return [
        {"value": str(value), "name": name, "hint": hint, "is_chosen": value in chosen}
        for value, (name, hint) in _WORDS.items()
    ]


def link_view(share: Share) -> dict[str, Any]:
    """Give a link as a row of a list shows it."""
    return {
        "share": share,
        "state": standing(share),
        "ends_at": ends_at(share),
        "shows": [_WORDS[word][0] for word in shown_words(share)],
        "title": titled(share.run),
        "by": share.made_by.name or share.made_by.email if share.made_by else "somebody who is gone",
    }


@signed_in
@require_POST
def revoke(request: HttpRequest, share_id: str) -> HttpResponseBase:
    """Let a link be dead, and lead back to the list it stood in."""
    link, place = found_link(request.user, share_id)
    revoke_share(place, link)
    return redirect("links") if request.POST.get("from") == "links" else redirect("share_run", link.run_id)


@signed_in
@require_safe
def links(request: HttpRequest) -> HttpResponseBase:
    """List the links of the current team: one's own, and for owners all."""
    place = current_membership(request)
    found = [link_view(each) for each in links_of(place)[:MOST_LISTED]]
    return render(request, "sharing/links.html", {"links": found, "is_owner": place.role == Role.OWNER})
