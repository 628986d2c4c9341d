"""The page on which owners decide what holds in the team; everybody in it may read that."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.flows.settle_team import settle_team
from fusion_site.accounts.models import Membership
from fusion_site.accounts.team_forms import TeamSettingsForm
from fusion_site.accounts.team_settings import FIELDS, plain_settings


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def team_settings(request: HttpRequest) -> HttpResponseBase:
    """Show the settings of the current team, and store what an owner sends."""
    place = current_membership(request)
    if request.method != "POST":
        return _page(request, place, TeamSettingsForm(initial=_initial(place)))
    form = TeamSettingsForm(request.POST)
    try:
        # A box that is not ticked is not sent: every field counts as given.
        settle_team(place, {name: form[name].value() or "" for name in FIELDS})
    except ValidationError:
        return _page(request, place, form, status=422)
    messages.success(request, "The settings were saved.")
    return redirect("team_settings")


def _initial(place: Membership) -> dict[str, object]:
    plain = plain_settings(place.team)
    return {**plain, "allowed_hosts": "\n".join(plain["allowed_hosts"])}


def _page(
    request: HttpRequest, place: Membership, form: TeamSettingsForm, *, status: int = 200
) -> HttpResponseBase:
    return render(request, "accounts/team_settings.html", {"place": place, "form": form}, status=status)
