"""A team says with which preset Compose begins."""

from __future__ import annotations

from django.db import transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership
from fusion_site.pools.models import Preset
from fusion_site.pools.rights import held, require_editor


@transaction.atomic
def mark_default(by: Membership, row: Preset, *, is_on: bool = True) -> Preset:
    """Make the preset its team's default in place of the one before, or no longer, and give it; it is no new version."""
    require_editor(by)
    preset = held(by, row)
    if preset.is_default == is_on:
        return preset
    Preset.objects.filter(team=by.team_id, is_default=True).update(is_default=False)
    Preset.objects.filter(pk=preset.pk).update(is_default=is_on)
    preset.is_default = is_on
    record(by.team_id, f"preset.{'made_default' if is_on else 'no_longer_default'}", preset, by=by)
    return preset
