"""The page on which owners say by which service the team's people sign in."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.flows.settle_sign_on import remove_sign_on, settle_what_answers
from fusion_site.accounts.models import Membership, SignOn
from fusion_site.accounts.sign_on import plain_sign_on, redirect_uri
from fusion_site.accounts.sure import sure
from fusion_site.accounts.team_forms import SignOnForm, put_errors

TYPE_IT_AGAIN = "Type the secret again: it is not sent back to the page."


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@sure
def team_sign_on(request: HttpRequest) -> HttpResponseBase:
    """Show the current team's service to its owners, and store what they send once the service has answered."""
    place = _owners(request)
    if request.method != "POST":
        return _page(request, place, SignOnForm(initial=plain_sign_on(_row(place))))
    form = SignOnForm(request.POST)
    try:
        settle_what_answers(place, request.POST.dict())
    except ValidationError as error:
        put_errors(form, error)
        if request.POST.get("secret") and "secret" not in form.errors:
            form.add_error("secret", TYPE_IT_AGAIN)
        return _page(request, place, form, status=422)
    messages.success(request, "The service answers, and its settings are saved. Try it in another browser.")
    return redirect("team_sign_on")


@signed_in
@require_POST
@sure
def remove(request: HttpRequest) -> HttpResponseBase:
    """Let nobody sign in by the service any more."""
    remove_sign_on(_owners(request))
    messages.success(request, "Nobody signs in by that service any more.")
    return redirect("team_sign_on")


def _owners(request: HttpRequest) -> Membership:
    place = current_membership(request)
    if not place.may_manage():
        raise PermissionDenied("Only owners of the team may decide how its people sign in.")
    return place


def _page(
    request: HttpRequest, place: Membership, form: forms.Form, *, status: int = 200
) -> HttpResponseBase:
    row = _row(place)
    context = {
        "place": place,
        "form": form,
        "sign_on": row if row.issuer else None,
        "host": urlsplit(row.issuer).hostname,
        "redirect_uri": redirect_uri(request, row),
    }
    return render(request, "accounts/team_sign_on.html", context, status=status)


def _row(place: Membership) -> SignOn:
    return SignOn.objects.filter(team=place.team).first() or SignOn(team=place.team)
