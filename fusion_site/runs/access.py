"""Who may see a run, and who may stop it."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from fusion_site.accounts.access import membership_in, visible
from fusion_site.accounts.models import Membership, User
from fusion_site.runs.models import Run


def visible_runs(user: User | AnonymousUser) -> QuerySet[Run]:
    """Give the runs of the teams that this person is in; a stranger sees none."""
    return visible(Run, user)


def may_act(user: User | AnonymousUser, run: Run) -> bool:
    """Whether this person may stop the run: who started it may, and editors and owners of its team."""
    place = membership_in(user, run.team_id)
    return place is not None and may_act_in(place, run)


def may_act_in(place: Membership, run: Run) -> bool:
    """The same for a person by their place in the run's team."""
    return place.may_edit() or run.person_id == place.user_id
