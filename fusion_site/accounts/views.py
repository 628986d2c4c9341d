"""The pages of API tokens and of the team."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.flows.make_token import make_token, revoke_token
from fusion_site.accounts.flows.switch_team import switch_team
from fusion_site.accounts.forms import TokenForm
from fusion_site.accounts.models import ApiToken, Membership, User
from fusion_site.accounts.sure import sure


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@sure
def tokens(request: HttpRequest) -> HttpResponseBase:
    """List the person's tokens and make one; its text is in the answer to that POST and nowhere else."""
    form = TokenForm(request.POST or None)
    made = ""
    if form.is_valid():
        team = current_membership(request).team
        _, made = make_token(person_of(request), team, **form.cleaned_data)
        form = TokenForm()
    context = {"form": form, "made": made, **_token_list(request)}
    return render(request, "accounts/tokens.html", context, status=422 if form.errors else 200)


@signed_in
@require_POST
def revoke(request: HttpRequest, token_id: str) -> HttpResponseBase:
    """Delete one own token; htmx gets the list without it."""
    if not revoke_token(person_of(request), token_id):
        raise Http404
    if request.headers.get("HX-Request") == "true":
        return render(request, "accounts/_tokens.html", _token_list(request))
    return redirect("tokens")


@signed_in
@require_GET
def team(request: HttpRequest) -> HttpResponseBase:
    """Show who is in the current team, its budget, and the reader's other teams."""
    return team_page(request)


def team_page(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponseBase:
    """Give the page of the current team; `more` goes to what rooms above put on it."""
    place = current_membership(request)
    people = Membership.objects.filter(team=place.team).select_related("user").order_by("user__email")
    return render(request, "accounts/team.html", {"place": place, "people": people, **more}, status=status)


@signed_in
@require_POST
def switch(request: HttpRequest) -> HttpResponseBase:
    """Go over to another own team and to its first page; a foreign team answers as one that does not exist."""
    if switch_team(request, request.POST.get("team", "")) is None:
        raise Http404
    return redirect(settings.LOGIN_REDIRECT_URL)


def _token_list(request: HttpRequest) -> dict[str, Any]:
    tokens = ApiToken.objects.filter(user=person_of(request)).select_related("team")
    return {"tokens": tokens, "now": timezone.now()}


def person_of(request: HttpRequest) -> User:
    """Give the signed-in person, as `signed_in` has made sure that there is one."""
    if not isinstance(request.user, User):
        raise TypeError("this view needs signed_in")
    return request.user
