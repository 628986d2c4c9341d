"""An owner decides what holds in the team."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from fusion_site.accounts.models import Membership, Team
from fusion_site.accounts.team_forms import TeamSettingsForm
from fusion_site.accounts.team_settings import FIELDS, plain_settings


@transaction.atomic
def settle_team(by: Membership, given: Mapping[str, Any]) -> Team:
    """Store the given ones of the team's settings, plain as `plain_settings` has them, and give the team.

    It holds from the next request on, and within a second for those who listen. Raises PermissionDenied for anyone but
    an owner, and ValidationError with messages by field; then nothing is changed.
    """
    if not by.may_manage():
        raise PermissionDenied("Only owners of the team may change its settings.")
    team = Team.objects.select_for_update().get(pk=by.team_id)
    form = TeamSettingsForm(_as_typed({**plain_settings(team), **given}))
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    for name in FIELDS:
        setattr(team, name, form.cleaned_data[name])
    team.save(update_fields=FIELDS)
    by.team = team
    return team


def _as_typed(plain: Mapping[str, Any]) -> dict[str, Any]:
    hosts = plain["allowed_hosts"]
    return {**plain, "allowed_hosts": hosts if isinstance(hosts, str) else "\n".join(hosts or [])}
