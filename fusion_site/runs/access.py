"""Who may see a run, and who may stop it and go on with it."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from fusion_site.accounts.access import membership_in, visible
from fusion_site.accounts.models import Membership, User
from fusion_site.runs.models import Run


def visible_runs(user: User | AnonymousUser) -> QuerySet[Run]:
    """Give the runs of the teams that this person is in; a stranger sees none."""
    return visible(Run, user)


def may_act(user: User | AnonymousUser, run: Run) -> bool:
    """Whether this person may stop the run and go on with it: who started it may, and editors and owners of its team."""
    place = membership_in(user, run.team_id)
    return place is not None and may_act_in(place, run)


def may_act_in(place: Membership, run: Run) -> bool:
    """The same for a person by their place in the run's team."""
    return place.may_edit() or run.person_id == place.user_id


def found_run(user: User | AnonymousUser, run_id: str) -> Run:
    """Give a run that this person may see; raises Http404."""
    run = visible_runs(user).filter(pk=run_id).first()
    if run is None:
        raise Http404
    return run


def actable_run(user: User | AnonymousUser, run_id: str) -> Run:
    """Give a run that this person may stop and go on with; raises Http404, or PermissionDenied."""
    run = found_run(user, run_id)
    if not may_act(user, run):
        raise PermissionDenied(
            "only who started a run, and editors of its team, may stop it or go on with it"
        )
    return run
