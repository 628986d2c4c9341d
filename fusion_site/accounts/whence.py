"""From where, and by which door, what is done now was asked: for the audit trail."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from fusion_site.accounts.models import Door
from fusion_site.ops.headers import Middleware


@dataclass(slots=True)
class Whence:
    """A request that is being answered; `token` is the hint of the API token that it came with."""

    request: HttpRequest
    token: str = ""

    @property
    def door(self) -> Door:
        """By which door it came."""
        return Door.TOKEN if self.token else Door.PAGE

    def address(self) -> str:
        """Give the client's address; behind FUSION_PROXIES proxies, what the outermost of them saw. Empty if unknown."""
        try:
            return str(get_adapter().get_client_ip(self.request))
        except (PermissionDenied, ImproperlyConfigured):  # none is told, or by fewer proxies than are set
            return ""


_now: ContextVar[Whence | None] = ContextVar("whence", default=None)


def whence() -> Whence | None:
    """Give the request that is being answered here, or None where nothing is."""
    return _now.get()


def came_by_token(hint: str) -> None:
    """Say with which token the request came that is being answered."""
    if (known := _now.get()) is not None:
        known.token = hint


class KnowWhence(Middleware):
    """Keeps the request at hand for `whence`, also in the threads that views run in."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Give the response."""
        with _answering(request):
            response = self.get_response(request)
        return response if isinstance(response, HttpResponseBase) else self._later(request, response)

    async def _later(self, request: HttpRequest, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        with _answering(request):
            return await response


@contextmanager
def _answering(request: HttpRequest) -> Iterator[None]:
    token = _now.set(Whence(request))
    try:
        yield
    finally:
        _now.reset(token)
