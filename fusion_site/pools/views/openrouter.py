"""To OpenRouter and back: the two addresses of connecting it by one click."""

from __future__ import annotations

from dataclasses import asdict
from secrets import compare_digest

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import asigned_in, current_membership, membership_in, signed_in
from fusion_site.accounts.models import Membership
from fusion_site.accounts.sure import ask, is_sure
from fusion_site.engine.asking import AskError, ErrorKind
from fusion_site.pools.flows.check_connection import check_connection
from fusion_site.pools.flows.connect_openrouter import (
    Consent,
    ask_consent,
    connect_openrouter,
    consent_url,
)
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.rights import require_editor
from fusion_site.pools.views.reach import person, to_list
from fusion_site.pools.views.things import CONNECTION
from fusion_site.providers import AskFailed

SESSION_CONSENT = "openrouter_consent"

_FOREIGN = "This way back from OpenRouter was not begun in this browser, or has been used already."
_LATE = "More than ten minutes went by at OpenRouter."
_DENIED = "OpenRouter was not connected, since no key was allowed there."
_AGAIN = "Nothing was changed; choose “Connect OpenRouter” to try again."
_UNREACHABLE = {ErrorKind.NETWORK, ErrorKind.TIMEOUT}
_NOT_ACCEPTED = {400, 401, 403}


# A link, not a form: the policy `form-action 'self'` forbids a form's answer to lead to another site.
@signed_in
@require_GET
def leave(request: HttpRequest) -> HttpResponseBase:
    """Remember what is asked for in the session, and lead to OpenRouter's page."""
    if not is_sure(request):
        return ask(request)
    try:
        consent = ask_consent(current_membership(request))
    except Invalid as invalid:
        return _refused(request, " ".join(said for each in invalid.fields.values() for said in each))
    request.session[SESSION_CONSENT] = asdict(consent)
    back = request.build_absolute_uri(reverse("openrouter_back", args=[consent.state]))
    return redirect(consent_url(consent, back))


@asigned_in
@require_GET
async def back(request: HttpRequest, state: str) -> HttpResponseBase:
    """Make the connection that the person allowed at OpenRouter, and say how that went on top of the list."""
    consent = await sync_to_async(_taken)(request, state)
    if consent is None:
        return _refused(request, _FOREIGN)
    place = await sync_to_async(membership_in)(person(request), consent.team)
    if place is None:
        return _refused(request, _FOREIGN)
    require_editor(place)
    code = request.GET.get("code", "")
    if "error" in request.GET or not code:
        return _refused(request, _DENIED)
    if consent.is_over:
        return _refused(request, _LATE)
    try:
        await _connected(request, place, consent, code)
    except AskFailed as failed:
        return _refused(request, _said(failed.error))
    return await sync_to_async(to_list)(request, CONNECTION, place)


async def _connected(request: HttpRequest, place: Membership, consent: Consent, code: str) -> None:
    row = await connect_openrouter(place, consent, code)
    messages.success(request, f"“{row.name}” is connected for {place.team.name}.")
    if fault := await check_connection(place, row):
        messages.error(request, f"“{row.name}” does not work yet: {fault.message}")


def _taken(request: HttpRequest, state: str) -> Consent | None:
    """Give what was remembered of this very request, and forget it at once: it is good for one way back."""
    kept = request.session.get(SESSION_CONSENT)
    if not kept or not compare_digest(kept["state"].encode(), state.encode()):
        return None
    del request.session[SESSION_CONSENT]
    request.session.save()
    return Consent(**kept)


def _said(error: AskError) -> str:
    if error.kind in _UNREACHABLE:
        return f"OpenRouter could not be reached to get the key. {error.message}"
    if error.status in _NOT_ACCEPTED:
        return f"OpenRouter did not accept what you came back with; it may have expired. {error.message}"
    return f"OpenRouter gave no key. {error.message}"


def _refused(request: HttpRequest, why: str) -> HttpResponseBase:
    messages.error(request, f"{why} {_AGAIN}")
    return redirect(CONNECTION.list_url())
