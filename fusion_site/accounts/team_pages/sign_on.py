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
from fusion_site.accounts.flows.settle_sign_on import remove_sign_on, settle_sign_on
from fusion_site.accounts.models import Membership, SignOn
from fusion_site.accounts.openid import Unbelievable
from fusion_site.accounts.sign_on import redirect_uri, service_at
from fusion_site.accounts.sure import sure
from fusion_site.accounts.team_forms import SignOnForm


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@sure
def team_sign_on(request: HttpRequest) -> HttpResponseBase:
    """Show the current team's service to its owners, and store what they send once the service has answered."""
    place = _owners(request)
    if request.method != "POST":
        return _page(request, place, SignOnForm(initial=_plain(place)))
    form = SignOnForm(request.POST)
    if not form.is_valid() or not _stored(place, form):
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


def _stored(place: Membership, form: forms.Form) -> bool:
    """Ask the service what it is and keep it; else say beside the fields why not."""
    typed = form.cleaned_data
    try:
        service = service_at(typed["issuer"])
        settle_sign_on(place, **{**typed, "issuer": service.issuer})
    except Unbelievable as error:
        form.add_error("issuer", f"This service will not do: {error}.")
    except ValidationError as error:
        form.add_error(None, error)
    return not form.errors


def _owners(request: HttpRequest) -> Membership:
    place = current_membership(request)
    if not place.may_manage():
        raise PermissionDenied("Only owners of the team may decide how its people sign in.")
    return place


def _plain(place: Membership) -> dict[str, str]:
    row = SignOn.objects.filter(team=place.team).first()
    return {"issuer": row.issuer, "client_id": row.client_id, "role": row.role} if row else {}


def _page(
    request: HttpRequest, place: Membership, form: forms.Form, *, status: int = 200
) -> HttpResponseBase:
    row = SignOn.objects.filter(team=place.team).first()
    context = {
        "place": place,
        "form": form,
        "sign_on": row,
        "host": urlsplit(row.issuer).hostname if row else "",
        "redirect_uri": redirect_uri(request, row or SignOn(team=place.team)),
    }
    return render(request, "accounts/team_sign_on.html", context, status=status)
