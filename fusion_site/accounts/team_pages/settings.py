"""The page on which owners decide what holds in the team; everybody in it may read that."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.flows.rename_team import rename_team
from fusion_site.accounts.flows.settle_team import settle_team
from fusion_site.accounts.models import Membership
from fusion_site.accounts.team_forms import NameForm, TeamSettingsForm, put_errors
from fusion_site.accounts.team_settings import FIELDS, plain_settings


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def team_settings(request: HttpRequest) -> HttpResponseBase:
    """Show the settings of the current team, and store what an owner sends."""
    place = current_membership(request)
    if request.method != "POST":
        return settings_page(request, place)
    form = TeamSettingsForm(request.POST)
    try:
        # A box that is not ticked is not sent: every field counts as given.
        settle_team(place, {name: form[name].value() or "" for name in FIELDS})
    except ValidationError as error:
        put_errors(form, error)
        return settings_page(request, place, status=422, form=form)
    messages.success(request, "The settings were saved.")
    return redirect("team_settings")


@signed_in
@require_POST
def rename(request: HttpRequest) -> HttpResponseBase:
    """Give the current team another name."""
    place, form = current_membership(request), NameForm(request.POST)
    try:
        rename_team(place, form["name"].value() or "")
    except ValidationError as error:
        put_errors(form, error)
        return settings_page(request, place, status=422, name_form=form)
    messages.success(request, "The name was saved.")
    return redirect("team_settings")


def settings_page(
    request: HttpRequest, place: Membership, *, status: int = 200, **more: Any
) -> HttpResponseBase:
    """Give the page; `more` replaces forms by what was typed wrong."""
    plain = plain_settings(place.team)
    shown = {
        "place": place,
        "form": TeamSettingsForm(initial={**plain, "allowed_hosts": "\n".join(plain["allowed_hosts"])}),
        "name_form": NameForm(initial={"name": place.team.name}),
        **more,
    }
    return render(request, "accounts/team_settings.html", shown, status=status)
