"""A team is deleted: closed at once, and gone with everything in it after a time in which its owners may restore it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from fusion_site.accounts.audit import record
from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.flows.owning import OWN_SPACE, locked, require_owner
from fusion_site.accounts.models import Membership, Role, Team, User
from fusion_site.accounts.signals import team_closed, team_removing


@transaction.atomic
def delete_team(by: Membership) -> datetime:
    """Close the team and give when it will be removed. Nobody gets at anything in it until it is restored.

    Its runs are stopped, its tokens refused, its links dead. Raises PermissionDenied for anyone but an owner, and
    Conflict for a personal team.
    """
    team, by = locked(by)
    require_owner(by, "delete it")
    if team.personal_of_id is not None:
        raise Conflict(OWN_SPACE)
    team.removal_at = timezone.now() + timedelta(days=settings.FUSION_TEAM_GRACE_DAYS)
    team.save(update_fields=["removal_at"])
    record(team, "team.deleted", team, by=by, removal_at=team.removal_at.isoformat(timespec="seconds"))
    team_closed.send(sender=Team, team=team)
    return team.removal_at


@transaction.atomic
def restore_team(user: User, team_id: str) -> Team:
    """Open a closed team again for everybody who was in it, and give it; Http404 unless `user` is an owner of it."""
    owned = Membership.objects.filter(user=user, role=Role.OWNER).values("team")
    closed = Team.objects.select_for_update().filter(pk=team_id, pk__in=owned, removal_at__gt=timezone.now())
    team = closed.first()
    if team is None:
        raise Http404
    team.removal_at = None
    team.save(update_fields=["removal_at"])
    record(team, "team.restored", team, by=user)
    return team


def closed_teams_of(user: User) -> list[Team]:
    """Give the closed teams that this person may restore, the one that goes first first."""
    places = Membership.objects.filter(user=user, role=Role.OWNER, team__removal_at__gt=timezone.now())
    return [place.team for place in places.select_related("team").order_by("team__removal_at")]


def due_teams(now: datetime) -> list[Team]:
    """Give the closed teams whose time to be restored is over."""
    return list(Team.objects.filter(removal_at__lte=now).order_by("removal_at"))


@transaction.atomic
def remove_team(team: Team, now: datetime) -> bool:
    """Remove a team whose time is over, with everything that other rooms keep for it; False if it was restored meanwhile."""
    due = Team.objects.select_for_update().filter(pk=team.pk, removal_at__lte=now).first()
    if due is None:
        return False
    team_removing.send(sender=Team, team=due)
    due.delete()
    return True
