"""What holds for every answer that a visitor gets: a dead link looks like none, and nothing is kept, told on or indexed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from fusion_site.runs.sharing.guessing import may_guess, note_miss
from fusion_site.runs.sharing.visiting import Visit, visit

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Visit, P], HttpResponseBase]

HEADERS = {
    "X-Robots-Tag": "noindex, nofollow, noarchive, nosnippet",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_LATER = "Too many links that lead nowhere were followed from your address. Try again in a minute."


def for_visitors(view: View[P]) -> Callable[..., HttpResponseBase]:
    """Let visitors through whose link is alive and lets them in; the view gets the visit in the place of the token.

    Nothing here is bound to a session, so that no forged request could do more than who follows the link can; and a
    token against forgery would be a cookie.
    """
    return _guarded(view, is_locked_too=False)


def for_locked_visitors(view: View[P]) -> Callable[..., HttpResponseBase]:
    """The same, also for those who have not entered the link's password yet."""
    return _guarded(view, is_locked_too=True)


def _guarded(view: View[P], *, is_locked_too: bool) -> Callable[..., HttpResponseBase]:
    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not may_guess():
            return _secured(HttpResponse(_LATER, status=429, headers={"Retry-After": "60"}))
        found = visit(token, request.user, request.COOKIES)
        if found is None:
            note_miss()
        if found is None or not (found.is_unlocked or is_locked_too):
            return _secured(nowhere())
        if found.needs_sign_in:
            return _secured(redirect_to_login(reverse("shared", args=[token])))
        try:
            return _secured(view(request, found, *args, **kwargs))
        except Http404:
            return _secured(nowhere())

    return guarded


def nowhere() -> HttpResponse:
    """Give the site's own page for nothing, made without the request: with it came a cookie."""
    return HttpResponse(render_to_string("404.html"), status=404)


def _secured(response: HttpResponseBase) -> HttpResponseBase:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def page(template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Give a page that is made without the request, so that it sets no cookie and knows no session."""
    return HttpResponse(render_to_string(template, context), status=status)
