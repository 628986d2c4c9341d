"""The REST doors as a whole: who may call, in which form bodies go in and out, and how errors are said."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar

import orjson
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import Throttled
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from ninja.security import HttpBearer
from pydantic import ConfigDict

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.models import ApiToken, Membership
from fusion_site.accounts.tokens import holder
from fusion_site.accounts.whence import came_by_token
from fusion_site.api.pace import spend, tell_pace
from fusion_site.api.refusals import NOT_FOUND, answer_in_our_words, refusal
from fusion_site.api.scopes import require_scope
from fusion_site.ops.requests import name_person
from fusion_site.pools.models import Named
from fusion_site.pools.naming import is_id

N = TypeVar("N", bound=Named)


@dataclass
class Caller:
    """The person a call is made for, in the one team that its token belongs to."""

    token: ApiToken

    @cached_property
    def membership(self) -> Membership:
        """Their place in the team."""
        place = membership_in(self.token.user, self.token.team_id)
        if place is None:  # it was taken away since the token was looked at
            raise Http404
        return place


class Bearer(HttpBearer):
    """Lets holders of an API token in, as often as the limit per minute allows."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """Give the caller, or None for an unknown token.

        Raises Throttled when it is over its limit, and PermissionDenied where it lacks the scope for this call.
        """
        found = holder(token)
        if found is None:
            return None
        if (wait := spend(request, found)) is not None:
            raise Throttled(math.ceil(wait))
        name_person(request, found.user_id)
        came_by_token(found.hint)
        require_scope(found, request.method or "GET", request.path)
        return Caller(found)


class Given(Schema):
    """What a program sends. A field that nobody knows is refused rather than passed over: it may be a slip."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """Give the fields that were sent, as plain data for a flow."""
        return self.model_dump(exclude_unset=True)


class Error(Schema):
    """What went wrong: a kind from a closed list, a sentence, and messages by the path of the field."""

    kind: str
    message: str
    fields: dict[str, list[str]]


class Refusal(Schema):
    """The body of every answer that is not a success."""

    error: Error


class JsonParser(Parser):
    """Reads bodies strictly as RFC 8259 has it: UTF-8, no NaN, no lone surrogates."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Give the body's value; raises ValueError."""
        return orjson.loads(request.body)


class JsonRenderer(BaseRenderer):
    """Writes bodies as JSON; dates in ISO 8601 with their zone."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        """Give the body's bytes."""
        return orjson.dumps(data)


class Doors(NinjaAPI):
    """The API, whose description names the form of its errors at every operation."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Give the OpenAPI document. It is made once, which takes half a second; nobody may change it."""
        return self._document

    @cached_property
    def _document(self) -> OpenAPISchema:
        document = super().get_openapi_schema()
        schema = Refusal.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= {**schema.pop("$defs"), "Refusal": schema}
        body = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = {"description": "Refused", "content": body}
        return document


api = Doors(
    title="Fusion",
    version="1",
    description="Ask pools of language models at once and get one fused answer. Errors are `{error: {kind, message, fields}}`.",
    auth=Bearer(),
    docs_url=None,
    parser=JsonParser(),
    renderer=JsonRenderer(),
    urls_namespace="api",
)
answer_in_our_words(api)


def caller(request: HttpRequest) -> Caller:
    """Give who calls; only for views behind `Bearer`."""
    found = getattr(request, "auth", None)
    assert isinstance(found, Caller)
    return found


def found(request: HttpRequest, model: type[N], row_id: str) -> N:
    """Give the row of the caller's team with that id; raises Http404 alike for a foreign and an absent one."""
    rows = model._default_manager.filter(team=caller(request).membership.team_id)
    row = rows.filter(pk=row_id).first() if is_id(row_id) else None
    if row is None:
        raise Http404
    return row


def in_json(pattern: URLPattern) -> URLPattern:
    """Give the address with its plain-text refusals (405, and 404 outside of any operation) in JSON, and the pace told."""
    pattern.callback = _in_json(pattern.callback)
    return pattern


def _in_json(view: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(view):

        @wraps(view)
        async def asaid(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _said(request, await view(request, *args, **kwargs))

        return asaid

    @wraps(view)
    def said(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return _said(request, view(request, *args, **kwargs))
        except Http404:
            return nowhere(request)

    return said


def _said(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    tell_pace(request, response)
    if not isinstance(response, HttpResponseNotAllowed):
        return response
    allowed = response["Allow"]
    answer = refusal(405, f"This address takes {allowed}.")
    answer["Allow"] = allowed
    return answer


@csrf_exempt
def nowhere(request: HttpRequest, **_: Any) -> HttpResponse:
    """Answer any address under the API that nothing stands at."""
    return refusal(404, NOT_FOUND)
