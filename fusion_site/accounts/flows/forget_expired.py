"""What has run out is deleted: sessions, what is known of their devices, and what was remembered for a while."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from fusion_site.accounts.models import Kept


def forget_expired() -> None:
    """Delete the rows of all that is over. It may be done at any time: nobody reads such rows any more."""
    now = timezone.now()
    Kept.objects.filter(expires_at__lte=now).delete()
    Session.objects.filter(expire_date__lte=now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
