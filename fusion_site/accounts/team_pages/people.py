"""The team's page: who is in it and as what, who is invited, and the reader's other teams."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from fusion_site.accounts.access import SESSION_TEAM, current_membership, known, person_of, signed_in
from fusion_site.accounts.flows import change_role as roles
from fusion_site.accounts.flows import leave_team as leaving
from fusion_site.accounts.flows.end_team import closed_teams_of
from fusion_site.accounts.flows.owning import can_go
from fusion_site.accounts.flows.switch_team import switch_team
from fusion_site.accounts.models import Invitation, Membership, Role
from fusion_site.accounts.team_forms import InviteForm
from fusion_site.accounts.team_pages.saying import says_why_not


@signed_in
@require_GET
def team(request: HttpRequest) -> HttpResponseBase:
    """Show who is in the current team, its budget, and the reader's other teams."""
    return team_page(request)


def team_page(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponseBase:
    """Give the page of the current team; `more` goes to what rooms above put on it."""
    place = current_membership(request)
    people = Membership.objects.filter(team=place.team).select_related("user").order_by("user__email")
    shown = {
        "place": place,
        "people": people,
        "roles": Role.choices,
        "may_leave": can_go(place),
        "closed_teams": closed_teams_of(person_of(request)),
        **(_of_owners(place) if place.may_manage() else {}),
        **more,
    }
    return render(request, "accounts/team.html", shown, status=status)


def _of_owners(place: Membership) -> dict[str, Any]:
    invitations = Invitation.objects.good().filter(team=place.team).select_related("made_by")
    return {
        "invitations": invitations,
        "invite_form": InviteForm(),
        "sends_mail": settings.FUSION_SENDS_MAIL,
    }


@signed_in
@require_POST
@says_why_not
def change_role(request: HttpRequest, ref: str) -> HttpResponseBase:
    """Give somebody another role."""
    place = roles.change_role(current_membership(request), ref, request.POST.get("role", ""))
    messages.success(request, f"{place.user} is {place.get_role_display().lower()} now.")
    return redirect("team")


@signed_in
@require_POST
@says_why_not
def hand_over(request: HttpRequest, ref: str) -> HttpResponseBase:
    """Make somebody else owner, and the owner who asks an editor."""
    place = roles.hand_over(current_membership(request), ref)
    messages.success(request, f"{place.user} owns the team now, and you are an editor in it.")
    return redirect("team")


@signed_in
@require_POST
@says_why_not
def remove_person(request: HttpRequest, ref: str) -> HttpResponseBase:
    """Take somebody out of the team."""
    leaving.remove_person(current_membership(request), ref)
    messages.success(request, "They are no longer in the team, and their tokens of it are gone.")
    return redirect("team")


@signed_in
@require_POST
@says_why_not
def leave(request: HttpRequest) -> HttpResponseBase:
    """Leave the current team, for the personal one."""
    place = current_membership(request)
    leaving.leave_team(place)
    request.session.pop(SESSION_TEAM, None)
    messages.success(request, f"You have left {place.team}.")
    return redirect("team")


@known
@require_POST
def switch(request: HttpRequest) -> HttpResponseBase:
    """Go over to another own team and to its first page; a foreign team answers as one that does not exist."""
    if switch_team(request, request.POST.get("team", "")) is None:
        raise Http404
    return redirect(settings.LOGIN_REDIRECT_URL)
