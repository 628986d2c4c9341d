"""The doors of `/v1` as a whole: who may call, how bodies are read, and that every answer has the OpenAI API's form."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from fusion_site.accounts.tokens import holder
from fusion_site.accounts.whence import came_by_token
from fusion_site.api.doors import Caller
from fusion_site.api.openai.refusals import Refused, busy, refused_by, response_of
from fusion_site.api.pace import spend, tell_pace
from fusion_site.api.scopes import require_scope
from fusion_site.ops.querying import query
from fusion_site.ops.requests import name_person

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], Coroutine[Any, Any, HttpResponseBase]]
CalledView = Callable[Concatenate[HttpRequest, Caller, P], Coroutine[Any, Any, HttpResponseBase]]

NO_TOKEN = "You didn't provide an API key. Send a token of this site: Authorization: Bearer fus_…"  # noqa: S105
BAD_TOKEN = "Incorrect API key provided. Send a valid token of this site: Authorization: Bearer fus_…"  # noqa: S105


def door(method: str) -> Callable[[CalledView[P]], View[P]]:
    """Give a decorator: the view is called for `method` alone and with the caller, and what it raises is answered."""

    def decorated(view: CalledView[P]) -> View[P]:
        @csrf_exempt
        @wraps(view)
        async def opened(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            response: HttpResponseBase
            try:
                if request.method != method:
                    raise _wrong_method(request, method)
                response = await view(request, await query(_caller, request), *args, **kwargs)
            except Exception as error:
                response = response_of(refused_by(error, request))
                if response.status_code == 405:
                    response["Allow"] = method
            tell_pace(request, response)
            return response

        return opened

    return decorated


def by_method(**views: View[P]) -> View[P]:
    """Give one view of several doors at the same address, each under its method."""
    methods = ", ".join(views)

    @csrf_exempt
    async def chosen(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        view = views.get(request.method or "")
        if view is not None:
            return await view(request, *args, **kwargs)
        response = response_of(_wrong_method(request, methods))
        response["Allow"] = methods
        return response

    return chosen


@csrf_exempt
def nowhere(request: HttpRequest, **_: Any) -> HttpResponse:
    """Answer any address under `/v1` that nothing stands at."""
    return response_of(
        Refused(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url", may_retry=False)
    )


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Give the body's object, without the fields that are null: those stand for none."""
    try:
        body = orjson.loads(request.body)
    except ValueError:
        raise Refused(400, "We could not parse the JSON body of your request.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body has to be a JSON object.", code="invalid_type")
    return {name: value for name, value in body.items() if value is not None}


def said(body: dict[str, Any], status: int = 200) -> HttpResponse:
    """Give a response with this body."""
    return HttpResponse(orjson.dumps(body), status=status, content_type="application/json")


def _caller(request: HttpRequest) -> Caller:
    """Give who calls. Raises Refused."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Refused(401, NO_TOKEN, code="missing_api_key")
    token = holder(text.strip())
    if token is None:
        raise Refused(401, BAD_TOKEN, code="invalid_api_key")
    if (wait := spend(request, token)) is not None:
        raise busy(wait)
    name_person(request, token.user_id)
    came_by_token(token.hint)
    require_scope(token, request.method or "GET", request.path)
    return Caller(token)


def _wrong_method(request: HttpRequest, method: str) -> Refused:
    message = f"Not allowed to {request.method} on {request.path}: this address takes {method}."
    return Refused(405, message, code="method_not_supported")
