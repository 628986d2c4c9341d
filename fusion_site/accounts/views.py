"""The page of API tokens."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, person_of, signed_in
from fusion_site.accounts.flows.make_token import make_token, revoke_token
from fusion_site.accounts.forms import TokenForm
from fusion_site.accounts.models import ApiToken
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


def _token_list(request: HttpRequest) -> dict[str, Any]:
    tokens = ApiToken.objects.filter(user=person_of(request)).select_related("team")
    return {"tokens": tokens, "now": timezone.now()}
