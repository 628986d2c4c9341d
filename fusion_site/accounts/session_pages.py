"""The page of a person's sessions: where they are signed in, and ending that."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fusion_site.accounts.access import known, person_of
from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.devices import device_of
from fusion_site.accounts.flows.come_by_sign_on import cut_link
from fusion_site.accounts.flows.end_session import end_others, end_session
from fusion_site.accounts.sign_on import services_of
from fusion_site.accounts.sure import sure


@known
@require_safe
def sessions(request: HttpRequest) -> HttpResponseBase:
    """List them, the one in use first, then by last use."""
    found = UserSession.objects.purge_and_list(person_of(request))
    found.sort(key=lambda each: (each.is_current(), each.last_seen_at), reverse=True)
    context = {"sessions": [_shown(each) for each in found], "services": services_of(person_of(request))}
    return render(request, "accounts/sessions.html", context)


@known
@require_POST
@sure
def cut(request: HttpRequest, sign_on_id: str) -> HttpResponseBase:
    """Let a team's service no longer sign this person in; not where they would be left without a way in."""
    try:
        cut_link(person_of(request), sign_on_id)
    except Conflict as conflict:
        messages.error(request, str(conflict))
    return redirect("sessions")


@known
@require_POST
def end(request: HttpRequest, session_id: int) -> HttpResponseBase:
    """End one; a foreign one answers as one that does not exist."""
    if not end_session(request, person_of(request), session_id):
        raise Http404
    return redirect("sessions")


@known
@require_POST
def end_all_others(request: HttpRequest) -> HttpResponseBase:
    """End all but this one."""
    end_others(request, person_of(request))
    messages.success(request, "You are signed in here only.")
    return redirect("sessions")


def _shown(session: UserSession) -> dict[str, Any]:
    device = device_of(session.user_agent)
    return {"row": session, "device": device, "is_current": session.is_current()}
