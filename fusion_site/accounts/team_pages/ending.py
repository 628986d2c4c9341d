"""Teams begin and end: a new one is made, one is deleted, and restored while there is time."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from fusion_site.accounts.access import SESSION_TEAM, current_membership, known, person_of, signed_in
from fusion_site.accounts.flows import end_team
from fusion_site.accounts.flows.start_team import start_team
from fusion_site.accounts.flows.switch_team import switch_team
from fusion_site.accounts.team_forms import NameForm
from fusion_site.accounts.team_pages.saying import says_why_not
from fusion_site.accounts.team_pages.settings import settings_page

NOT_ITS_NAME = "This is not the team's name."


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@says_why_not
def new_team(request: HttpRequest) -> HttpResponseBase:
    """Make a team and work in it."""
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = start_team(person_of(request), form.cleaned_data["name"])
        switch_team(request, team.pk)
        messages.success(request, f"{team} is there. Invite people into it below.")
        return redirect("team")
    return render(request, "accounts/new_team.html", {"form": form}, status=422 if form.errors else 200)


@signed_in
@require_POST
@says_why_not
def delete_team(request: HttpRequest) -> HttpResponseBase:
    """Delete the current team, whose name has to be typed for it."""
    place = current_membership(request)
    if request.POST.get("name", "").strip() != place.team.name:
        wrong: dict[str, Any] = {"delete_typed": request.POST.get("name", ""), "delete_error": NOT_ITS_NAME}
        return settings_page(request, place, status=422, **wrong)
    until = end_team.delete_team(place)
    request.session.pop(SESSION_TEAM, None)
    messages.success(
        request, f"{place.team} is closed. You can restore it here until {until:%-d %B, %H:%M} UTC."
    )
    return redirect("team")


@known
@require_POST
def restore_team(request: HttpRequest, team_id: str) -> HttpResponseBase:
    """Open a closed team again, for all who were in it."""
    team = end_team.restore_team(person_of(request), team_id)
    switch_team(request, team.pk)
    messages.success(request, f"{team} is open again.")
    return redirect("team")
