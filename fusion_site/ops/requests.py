"""Each request has an id that its log lines and its response carry; if the operator wants, it has a line of its own."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from fusion_site.ops.headers import Middleware
from fusion_site.ops.log_facts import about, carrying
from fusion_site.ops.logs import route_of

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
# A proxy may name the request; anything that is not plainly an id is not repeated.
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_PERSON = "fusion.person"
# What stands in an address in the place of a run's id is told only if it has the form of one.
_RUN = re.compile(r"[a-z2-7]{24}")


class RequestLog(Middleware):
    """Goes around all other middleware."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Give the response, with the id."""
        name, began = _name_of(request), time.perf_counter()
        with about(request=name):
            response = self.get_response(request)
            if isinstance(response, HttpResponseBase):
                return _noted(request, response, name, began)
        return self._later(request, response, name, began)

    async def _later(
        self, request: HttpRequest, response: Awaitable[HttpResponseBase], name: str, began: float
    ) -> HttpResponseBase:
        with about(request=name):
            return _noted(request, await response, name, began)


def name_person(request: HttpRequest, person_id: object) -> None:
    """Say who asks, where that is not the session's person: a token's, for the line of this request."""
    request.META[_PERSON] = person_id


def _name_of(request: HttpRequest) -> str:
    given = request.headers.get(HEADER, "")
    return given if _ID.fullmatch(given) else secrets.token_hex(8)


def _noted(request: HttpRequest, response: HttpResponseBase, name: str, began: float) -> HttpResponseBase:
    response.headers[HEADER] = name
    if settings.FUSION_ACCESS_LOG:
        _write_line(request, response.status_code, time.perf_counter() - began)
    return response


def _write_line(request: HttpRequest, status: int, seconds: float) -> None:
    """Write the address by its pattern, since links hold tokens; of what it names only the run is told."""
    told = carrying(
        method=request.method,
        route=route_of(request),
        status=status,
        ms=round(seconds * 1000, 1),
        user=_person_of(request),
        run=_run_of(request),
    )
    log.info("a request was answered", extra=told)


def _person_of(request: HttpRequest) -> object:
    """Give who asked, if the request has looked that up; nothing is looked up for the log alone."""
    person = getattr(request, "_cached_user", None) or getattr(request, "_acached_user", None)
    return request.META.get(_PERSON) or getattr(person, "pk", None)


def _run_of(request: HttpRequest) -> str | None:
    match = request.resolver_match
    named = str(match.kwargs.get("run_id", "")) if match else ""
    return named if _RUN.fullmatch(named) else None
