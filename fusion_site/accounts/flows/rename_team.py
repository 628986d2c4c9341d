"""An owner gives the team another name."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.flows.owning import locked, require_owner
from fusion_site.accounts.models import Membership, Team
from fusion_site.accounts.team_forms import NameForm


@transaction.atomic
def rename_team(by: Membership, name: str) -> Team:
    """Give the team with its new name; its slug, which programs use, stays.

    Raises PermissionDenied for anyone but an owner, and ValidationError.
    """
    team, place = locked(by)
    require_owner(place, "rename it")
    form = NameForm({"name": name})
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    before, team.name = team.name, form.cleaned_data["name"]
    if before != team.name:
        team.save(update_fields=["name"])
        record(team, "team.renamed", team, by=place, name_was=before)
    by.team = team
    return team
