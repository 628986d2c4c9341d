"""A person ends sessions of their own: one, or all but the one they are in."""

from __future__ import annotations

from allauth.usersessions.internal.flows.sessions import end_other_sessions, end_sessions
from allauth.usersessions.models import UserSession
from django.http import HttpRequest

from fusion_site.accounts.models import User


def end_session(request: HttpRequest, user: User, session_id: int) -> bool:
    """End one; its pages are signed out and its sockets close within a second. False when there is none of theirs."""
    session = UserSession.objects.filter(user=user, pk=session_id).first()
    if session is None:
        return False
    end_sessions(request, [session])
    return True


def end_others(request: HttpRequest, user: User) -> None:
    """End all but the one that this request is made in."""
    end_other_sessions(request, user)
