"""A person ends sessions of their own: one, or all but the one they are in."""

from __future__ import annotations

from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpRequest

from fusion_site.accounts.devices import device_of
from fusion_site.accounts.flows.note_session import note_session
from fusion_site.accounts.models import User


def end_session(request: HttpRequest, user: User, session_id: int) -> bool:
    """End one; its pages are signed out and its sockets close within a second. False when there is none of theirs."""
    session = UserSession.objects.filter(user=user, pk=session_id).first()
    if session is None:
        return False
    _end(request, user, [session])
    return True


def end_others(request: HttpRequest, user: User) -> None:
    """End all but the one that this request is made in; a program's request is made in none."""
    others = [each for each in UserSession.objects.filter(user=user) if not each.is_current()]
    if others:
        _end(request, user, others)


@transaction.atomic
def _end(request: HttpRequest, user: User, sessions: list[UserSession]) -> None:
    devices = [f"{device_of(each.user_agent)} from {each.ip}" for each in sessions]
    end_sessions(request, sessions)
    note_session(user, "session.ended", devices=devices)
