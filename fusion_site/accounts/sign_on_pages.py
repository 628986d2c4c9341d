"""Signing in through a team's own service: which one, there, and back."""

from __future__ import annotations

from hashlib import sha256
from secrets import compare_digest
from typing import Any
from urllib.parse import urlsplit

from allauth.account.utils import get_next_redirect_url
from allauth.core.ratelimit import consume_or_429
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialLogin
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods

from fusion_site.accounts.models import SignOn
from fusion_site.accounts.openid import Question, Unbelievable, asking_url
from fusion_site.accounts.sign_on import (
    claims_for,
    client_of,
    provider_of,
    service_at,
    sign_on_at,
    sign_on_for,
)
from fusion_site.accounts.sure import ask, is_sure

_FOREIGN = "this way back was not begun in this browser, or has been used already"
_NO_CODE = "it did not let you in"
_LONGEST_SUBJECT = 190


@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponseBase:
    """Ask for the team, and lead to the page of its service."""
    typed = request.POST.get("team", "").strip()
    context = {"typed": typed, "next": get_next_redirect_url(request) or ""}
    if request.method != "POST":
        return render(request, "socialaccount/choose.html", context)
    refused: HttpResponseBase | None = consume_or_429(request, action="login")
    if refused is not None:
        return refused
    sign_on = sign_on_for(typed)
    if sign_on is None:
        return render(request, "socialaccount/choose.html", {**context, "is_unknown": True}, status=422)
    query = f"?{urlencode({'next': context['next']})}" if context["next"] else ""
    return redirect(f"{_path('sign_on', sign_on)}{query}")


@require_GET
def sign_on(request: HttpRequest, sign_on_id: str) -> HttpResponseBase:
    """Show to which service the person will be led; with `?link`, that it will be linked with the account signed in.

    A link leads there, as forms must not lead to other sites. It carries a ticket: whoever could send a browser there
    unasked would have it sign in as somebody else, or link somebody else with the account that is signed in.
    """
    row, links = _found(sign_on_id), "link" in request.GET
    if links and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    context = {
        "sign_on": row,
        "host": urlsplit(row.issuer).hostname,
        "next": get_next_redirect_url(request),
        "links": links,
        "ticket": _ticket(request, row, links=links),
    }
    return render(request, "socialaccount/login.html", context)


@require_GET
def leave(request: HttpRequest, sign_on_id: str) -> HttpResponseBase:
    """Remember what is asked, and lead to the service, where this site's own page led here."""
    row, links = _found(sign_on_id), "link" in request.GET
    if not compare_digest(request.GET.get("ticket", ""), _ticket(request, row, links=links)):
        return redirect(f"{_path('sign_on', row)}{'?link' if links else ''}")
    if links and not is_sure(request):
        return ask(request)
    question, provider = Question.fresh(), provider_of(request, row)
    try:
        service, client = service_at(row.issuer), client_of(request, row)
    except Unbelievable as error:
        return _refused(request, row, error)
    process = "connect" if links else "login"
    state = provider.stash_redirect_state(
        request, process, get_next_redirect_url(request), question=question.as_dict()
    )
    return redirect(asking_url(service, client, question, state))


@require_GET
def back(request: HttpRequest, sign_on_id: str) -> HttpResponseBase:
    """Let the person in whom the service has named, if this browser asked for it and the answer is to be believed."""
    row = _found(sign_on_id)
    provider = provider_of(request, row)
    state = statekit.unstash_state(
        request, state_id=request.GET.get("state", ""), provider_id=provider.sub_id
    )
    if state is None:
        return _refused(request, row, _FOREIGN)
    if "error" in request.GET or not request.GET.get("code"):
        return _refused(request, row, _NO_CODE)
    try:
        claims = claims_for(request, row, Question(**state["question"]), request.GET["code"])
        login: SocialLogin = provider.sociallogin_from_response(request, {"id_token": _plain(claims)})
    except Unbelievable as error:
        return _refused(request, row, error)
    login.state = state
    response: HttpResponseBase = complete_social_login(request, login)
    return response


def _ticket(request: HttpRequest, row: SignOn, *, links: bool) -> str:
    """Give what a page of this site, read in this browser, has for this way: made from the secret of its CSRF cookie."""
    get_token(request)
    return salted_hmac("sign-on", f"{request.META['CSRF_COOKIE']}:{row.pk}:{links}").hexdigest()


def _plain(claims: dict[str, Any]) -> dict[str, Any]:
    """Give what is kept of the claims: who it is, and whether the service stands by the address, if it says so."""
    told: dict[str, Any] = {name: str(claims[name]) for name in ("email", "name") if claims.get(name)}
    subject = str(claims["sub"])
    told["sub"] = subject if len(subject) <= _LONGEST_SUBJECT else sha256(subject.encode()).hexdigest()
    if "email_verified" in claims:
        told["email_verified"] = claims["email_verified"] in {True, "true"}
    return told


def _found(sign_on_id: str) -> SignOn:
    row = sign_on_at(sign_on_id)
    if row is None:
        raise Http404
    return row


def _path(name: str, row: SignOn) -> str:
    path: str = redirect(name, row.pk)["Location"]
    return path


def _refused(request: HttpRequest, row: SignOn, reason: object) -> HttpResponseBase:
    context = {"sign_on": row, "reason": str(reason), "host": urlsplit(row.issuer).hostname}
    return render(request, "socialaccount/authentication_error.html", context, status=502)
