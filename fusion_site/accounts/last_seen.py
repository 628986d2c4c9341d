"""Noting from where, with what and when each session was last used, once a minute at most."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from allauth.usersessions.models import UserSession
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase

from fusion_site.ops.headers import Middleware

EVERY_S = 60.0
_MOST = 10_000

# When this process last noted each session, by its key; on a clock that only goes forward.
_noted: dict[str, float] = {}


class LastSeen(Middleware):
    """Notes it before the request is answered, so that the list of sessions shows the one that asks for it."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Give the response."""
        if not _is_due(request):
            return self.get_response(request)
        if not iscoroutinefunction(self.get_response):
            _note(request)
            return self.get_response(request)
        return self._later(request)

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        await sync_to_async(_note)(request)
        response = self.get_response(request)
        return response if isinstance(response, HttpResponseBase) else await response


def _is_due(request: HttpRequest) -> bool:
    key = request.session.session_key
    return key is not None and time.monotonic() - _noted.get(key, -EVERY_S) >= EVERY_S


def _note(request: HttpRequest) -> None:
    if not request.user.is_authenticated:
        return
    if len(_noted) >= _MOST:
        _noted.clear()
    _noted[str(request.session.session_key)] = time.monotonic()
    UserSession.objects.create_from_request(request)
