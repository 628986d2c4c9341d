"""Runs are deleted from the list or from their page, and whatever is deleted can be had back here."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from fusion_site.accounts.access import current_membership, membership_in, person_of, signed_in
from fusion_site.accounts.models import Membership
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Version
from fusion_site.runs.access import visible_runs
from fusion_site.runs.bin import RUN, Gone, gone_things, have_back
from fusion_site.runs.flows.delete import delete_runs
from fusion_site.runs.models import Run

PAGE = 50
# So many runs stand on a page of the list.
MOST = 100


@signed_in
@require_POST
def delete(request: HttpRequest) -> HttpResponse:
    """Delete the chosen runs, of one team; those that are not there are passed over."""
    chosen = request.POST.getlist("run")[:MOST]
    runs = list(visible_runs(request.user).filter(pk__in=chosen))
    if not runs:
        messages.info(request, "No run was chosen, so nothing is deleted.")
        return _back(request)
    place = membership_in(request.user, runs[0].team_id)
    if place is None:
        raise PermissionDenied
    gone = delete_runs(place, runs, timezone.now())
    said = "The run is deleted." if len(gone) == 1 else f"{len(gone)} runs are deleted."
    messages.success(request, said, extra_tags=" ".join(run.pk for run in gone))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """Lead back to the list as it was filtered."""
    back = request.POST.get("back", "")
    is_ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back) if is_ours else redirect("runs")


@signed_in
@require_GET
def deleted(request: HttpRequest) -> HttpResponse:
    """Show what the team has deleted and can have back, the newest first."""
    place = current_membership(request)
    found, following = gone_things(place, PAGE, _before(request))
    context = {"gone": found, "next": following, "may_edit": place.may_edit()}
    return render(request, "runs/deleted.html", context)


def _before(request: HttpRequest) -> tuple[datetime, str] | None:
    try:
        moment = parse_datetime(request.GET.get("before", ""))
    except ValueError:
        moment = None
    is_whole = moment is not None and timezone.is_aware(moment)
    return (moment, request.GET.get("last", "").replace("\x00", "")) if is_whole and moment else None


@signed_in
@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Have back what was deleted, by the ids in `id`; leads to the list in which it stands again."""
    back: list[Gone] = []
    for thing_id in request.POST.get("id", "").split()[:MOST]:
        try:
            back.append(have_back(_place_of(request, thing_id), thing_id))
        except Http404:
            continue  # it is back already, or gone for good, or was never there
        except Invalid as invalid:
            messages.error(request, " ".join(said for each in invalid.fields.values() for said in each))
    if not back:
        messages.info(request, "There is nothing to be had back: it is there again, or is gone for good.")
        return redirect("deleted")
    kind = back[0].kind
    said = f"The {kind} “{back[0].name}” is back." if len(back) == 1 else f"{len(back)} {kind}s are back."
    messages.success(request, said)
    return redirect("runs" if kind == RUN else f"{kind}s")


def _place_of(request: HttpRequest, thing_id: str) -> Membership:
    """Give the person's place in the team that the thing was of; Http404 alike where it is foreign and where it is absent."""
    team = (
        Run.every.filter(pk=thing_id).values_list("team", flat=True).first()
        or Version.objects.filter(thing=thing_id).values_list("team", flat=True).first()
    )
    place = membership_in(person_of(request), team) if team else None
    if place is None:
        raise Http404
    return place
