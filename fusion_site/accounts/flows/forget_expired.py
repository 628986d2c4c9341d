"""What has run out is deleted: sessions, what is known of their devices, and what was remembered for a while."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from fusion_site.accounts.models import Kept


def forget_expired() -> None:
    """Delete the rows of all that is over. It may be done at any time: nobody reads such rows any more."""
    now = timezone.now()
    Kept.objects.filter(expires_at__lte=now).delete()
    Session.objects.filter(expire_date__lte=now).delete()
    forget_ended(UserSession.objects.all())


def forget_ended(sessions: QuerySet[UserSession]) -> None:
    """Delete what is known of those whose session is no longer there, or has run out."""
    going_on = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    sessions.exclude(session_key__in=going_on).delete()
