"""A person makes a team of their own, to share with others."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import Membership, Role, Team, User
from fusion_site.accounts.team_forms import NameForm

MOST_OWNED = 50


@transaction.atomic
def start_team(user: User, name: str) -> Team:
    """Give a new team that the person owns. Raises ValidationError, and Conflict for who owns very many already."""
    form = NameForm({"name": name})
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    if Membership.objects.filter(user=user, role=Role.OWNER).count() >= MOST_OWNED:
        raise Conflict(f"You own {MOST_OWNED} teams. Delete those that are not needed first.")
    team = new_team(form.cleaned_data["name"], user)
    record(team, "team.created", team, by=user)
    return team
