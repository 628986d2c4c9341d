"""An owner decides what holds in the team."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from fusion_site.accounts.audit import changed, record
from fusion_site.accounts.factors import has_second_factor
from fusion_site.accounts.flows.owning import locked, require_owner
from fusion_site.accounts.models import Membership, Team
from fusion_site.accounts.team_forms import TeamSettingsForm
from fusion_site.accounts.team_settings import FIELDS, plain_settings

NO_FACTOR = "Set up a second factor for your own sign-in first, or the team would keep you out."


@transaction.atomic
def settle_team(by: Membership, given: Mapping[str, Any]) -> Team:
    """Store the given ones of the team's settings, plain as `plain_settings` has them, and give the team.

    It holds from the next request on, and within a second for those who listen. Raises PermissionDenied for anyone but
    an owner, and ValidationError with messages by field; then nothing is changed.
    """
    team, place = locked(by)
    require_owner(place, "change its settings")
    before = plain_settings(team)
    form = TeamSettingsForm(_as_typed({**before, **given}))
    if form.is_valid() and form.cleaned_data["mfa_required"] and not has_second_factor(place.user):
        form.add_error("mfa_required", NO_FACTOR)
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    for name in FIELDS:
        setattr(team, name, form.cleaned_data[name])
    team.save(update_fields=FIELDS)
    _record(place, before)
    by.team = team
    return team


def _record(place: Membership, before: Mapping[str, Any]) -> None:
    after = plain_settings(place.team)
    if names := changed(before, after):
        told: dict[str, Any] = {name: [_in_words(before[name]), _in_words(after[name])] for name in names}
        record(place.team, "team.settings_changed", place.team, by=place, **told)


def _in_words(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(value)
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _as_typed(plain: Mapping[str, Any]) -> dict[str, Any]:
    hosts = plain["allowed_hosts"]
    return {**plain, "allowed_hosts": hosts if isinstance(hosts, str) else "\n".join(hosts or [])}
