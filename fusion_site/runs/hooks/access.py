"""Who may see and change a team's hooks: its owners, by a page as by a program."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404

from fusion_site.accounts.flows.owning import require_owner
from fusion_site.accounts.models import Membership
from fusion_site.pools.naming import is_id
from fusion_site.runs.hooks.models import Hook

SEE = "see who is told of the ends of its runs"


def hooks_of(place: Membership) -> QuerySet[Hook]:
    """Give the team's hooks. Raises PermissionDenied for anyone but an owner."""
    require_owner(place, SEE)
    return Hook.objects.filter(team=place.team_id).prefetch_related("old_secrets")


def found_hook(place: Membership, hook_id: str) -> Hook:
    """Give one of them. Raises PermissionDenied for anyone but an owner, and Http404."""
    hook = hooks_of(place).filter(pk=hook_id).first() if is_id(hook_id) else None
    if hook is None:
        raise Http404
    return hook
