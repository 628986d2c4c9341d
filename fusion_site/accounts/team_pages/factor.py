"""Where people are sent whom a team keeps out until they have a second factor of sign-in."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import current_membership, known
from fusion_site.accounts.entering import lacks_factor


@known
@require_GET
def team_factor(request: HttpRequest) -> HttpResponseBase:
    """Say what the current team wants and where to set it up; who has it by now goes on to the first page."""
    place = current_membership(request)
    if not lacks_factor(place):
        return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "accounts/team_factor.html", {"place": place}, status=403)
