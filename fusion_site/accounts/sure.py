"""Who changes keys, tokens and second factors has proved lately who it is; who has not is asked, and nothing typed is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import orjson
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import (
    did_recently_reauthenticate,
    stash_and_reauthenticate,
)
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import resolve

from fusion_site.accounts.sealing import SealBroken, SealContext, seal, unseal

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

_RESUME = "fusion_site.accounts.sure.resume"


def is_sure(request: HttpRequest) -> bool:
    """Whether this session's person has signed in, or proved it again, within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds.

    People who have neither a password nor a second factor here (their team's own service lets them in) are taken as sure.
    """
    records = get_authentication_records(request, request.user)
    lately = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return any(record["at"] > lately for record in records) or did_recently_reauthenticate(request)


def sure(view: View[P]) -> View[P]:
    """Let what changes something through to a sync view behind `signed_in` only for somebody who is sure.

    Others are led to prove it; then the view goes on with what was sent to it. Reading is never held up.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.method in {"GET", "HEAD"} or is_sure(request):
            return view(request, *args, **kwargs)
        return ask(request)

    return guarded


def ask(request: HttpRequest) -> HttpResponseBase:
    """Lead to the question who it is, and keep the request until it is answered: sealed, since it may hold a key."""
    sent = {"path": request.path, "query": request.GET.urlencode(), "form": request.POST.urlencode()}
    sealed = seal(orjson.dumps(sent | {"method": request.method}).decode(), context=_kept_for(request))
    methods = get_adapter().get_reauthentication_methods(request.user)
    stash_and_reauthenticate(request, {"sealed": sealed}, _RESUME)
    return redirect(methods[0]["url"])


def resume(request: HttpRequest, state: dict[str, str]) -> HttpResponseBase:
    """Answer the kept request as if it had come now; allauth calls this when the question is answered."""
    try:
        sent: dict[str, Any] = orjson.loads(unseal(state["sealed"], context=_kept_for(request)))
    except SealBroken:
        return redirect(settings.LOGIN_REDIRECT_URL)
    request.path = request.path_info = sent["path"]
    request.method = sent["method"]
    request.GET = QueryDict(sent["query"])
    request.POST = QueryDict(sent["form"])
    request.resolver_match = match = resolve(sent["path"])
    response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    return response


def _kept_for(request: HttpRequest) -> SealContext:
    return SealContext(connection="suspended request", team="", origin=f"person:{request.user.pk}")
