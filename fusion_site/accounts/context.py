"""What every page knows about its reader's team."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from fusion_site.accounts.access import current_membership, memberships_of
from fusion_site.accounts.team_settings import may_add_connections


def mail(request: HttpRequest) -> dict[str, Any]:
    """Give templates `sends_mail`: whether what the site mails arrives, or is only printed where it was started."""
    return {"sends_mail": settings.FUSION_SENDS_MAIL}


def current_team(request: HttpRequest) -> dict[str, Any]:
    """Give templates `team`, `memberships`, `may_edit` and `may_connect`; None, empty and False for a stranger."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"team": None, "memberships": [], "may_edit": False, "may_connect": False}
    try:
        place = current_membership(request)
    except PermissionDenied:
        return {"team": None, "memberships": [], "may_edit": False, "may_connect": False}
    return {
        "team": place.team,
        "memberships": memberships_of(request),
        "may_edit": place.may_edit(),
        "may_connect": may_add_connections(place),
    }
