"""Which links are alive, whom they let in, and who may make, see and revoke them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.models import Membership, Reach, Role, User
from fusion_site.accounts.team_settings import link_policy
from fusion_site.runs.access import may_act
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.models import Share

# A token has 43 characters; what is much longer is none, and is not hashed.
LONGEST_TOKEN = 100


def living() -> QuerySet[Share]:
    """Give the links that are neither revoked nor expired, of runs and teams that are not deleted; policies are not asked."""
    return Share.objects.select_related("run__team").filter(
        revoked_at=None, expires_at__gt=timezone.now(), run__team__removal_at=None, run__deleted_at=None
    )


def is_allowed(share: Share) -> bool:
    """Whether the team's policy, as it is now, lets this link live. It holds for links that were made before it."""
    policy = link_policy(share.run.team)
    if policy.reach == Reach.NONE or (policy.needs_password and not share.password):
        return False
    return ends_at(share) > timezone.now()


def ends_at(share: Share) -> datetime:
    """Give when a link that is not revoked ends: as its maker chose, or earlier by the team's policy of now."""
    most = link_policy(share.run.team).max_days
    return (
        share.expires_at if most is None else min(share.expires_at, share.created_at + timedelta(days=most))
    )


def is_for_team(share: Share) -> bool:
    """Whether only people of the run's team may follow it."""
    return link_policy(share.run.team).reach == Reach.TEAM


def living_share(token: str) -> Share | None:
    """Give the living link with this token, or None: for a dead one as for one that there never was."""
    if len(token) > LONGEST_TOKEN:
        return None
    share = living().filter(digest=Share.digest_of(token)).first()
    return share if share is not None and is_allowed(share) else None


def links_of(place: Membership) -> QuerySet[Share]:
    """Give the links that this person may see and revoke: their own, and for owners all of the team."""
    rows = Share.objects.select_related("run__team", "made_by").filter(
        run__team=place.team_id, run__deleted_at=None
    )
    return rows if place.role == Role.OWNER else rows.filter(made_by=place.user_id)


def found_link(user: User | AnonymousUser, share_id: str) -> tuple[Share, Membership]:
    """Give a link that this person may see and revoke, and their place in its team; raises Http404."""
    share = Share.objects.select_related("run__team").filter(pk=share_id, run__deleted_at=None).first()
    place = membership_in(user, share.run.team_id) if share else None
    if share and place and (place.role == Role.OWNER or share.made_by_id == place.user_id):
        return share, place
    raise Http404


def sharable_place(user: User | AnonymousUser, run: Run) -> Membership:
    """Give the place of somebody who may make links to the run: who started it, and editors; raises PermissionDenied."""
    place = membership_in(user, run.team_id)
    if place is None or not may_act(user, run):
        raise PermissionDenied("Only who started a run, and editors of its team, may share it.")
    return place


def standing(share: Share) -> str:
    """Give how a link stands: `live`, `revoked`, `expired`, or `refused` by the team's policy of now."""
    if share.revoked_at is not None:
        return "revoked"
    if share.expires_at <= timezone.now():
        return "expired"
    return "live" if is_allowed(share) else "refused"
