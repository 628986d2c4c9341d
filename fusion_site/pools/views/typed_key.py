"""A key that was typed into a form which has to be sent again: it rests sealed in the session, and is in no page."""

from __future__ import annotations

import secrets
import time
from typing import Any

from django.http import HttpRequest

from fusion_site.accounts.access import person_of
from fusion_site.accounts.sealing import SealBroken, SealContext, seal, unseal
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.pools.plain import Plain

GOOD_S = 15 * 60
TYPE_IT_AGAIN = "Type the key again. It was kept for a while only, and that is over."
_SESSION = "typed_key"


def with_key(request: HttpRequest, team_id: str, draft: Plain) -> Plain:
    """Give a connection's draft with the key that was typed, now or into the form before; with none, a stored key stays.

    Raises Invalid where the form counts on a key that is not kept any more.
    """
    given = {name: value for name, value in draft.items() if name not in {"forget_key", "kept_key"}}
    if str(given.pop("api_key", "")).strip():
        return given | {"api_key": draft["api_key"]}
    if draft.get("forget_key") == "1":
        return given | {"api_key": None}
    ref = str(draft.get("kept_key", ""))
    return given | ({"api_key": _kept(request, team_id, ref)} if ref else {})


def keep_key(request: HttpRequest, team_id: str, given: Plain, errors: Errors) -> str:
    """Keep the key of a form that was refused for something else, and give the name by which that form finds it.

    There is one per session, that of the form sent last, for GOOD_S seconds. It goes where the form will say, as if typed.
    """
    key = str(given.get("api_key") or "")
    if not key or "api_key" in errors:
        return ""
    ref = secrets.token_urlsafe(16)
    sealed = seal(key, context=_context(request, team_id, ref))
    request.session[_SESSION] = {"ref": ref, "sealed": sealed, "until": time.time() + GOOD_S}
    return ref


def forget_key(request: HttpRequest) -> None:
    """Forget what is kept: the form was taken."""
    request.session.pop(_SESSION, None)


def _kept(request: HttpRequest, team_id: str, ref: str) -> str:
    kept: dict[str, Any] = request.session.get(_SESSION) or {}
    if kept.get("ref") != ref or kept["until"] < time.time():
        raise Invalid({"api_key": [TYPE_IT_AGAIN]})
    try:
        return unseal(kept["sealed"], context=_context(request, team_id, ref))
    except SealBroken:
        raise Invalid({"api_key": [TYPE_IT_AGAIN]}) from None


def _context(request: HttpRequest, team_id: str, ref: str) -> SealContext:
    return SealContext(f"form:{ref}", team_id, f"person:{person_of(request).pk}")
