"""An owner gives a hook a new secret; for a day the old one signs as well, so that its receiver misses nothing meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from fusion_site.accounts.audit import record
from fusion_site.accounts.flows.owning import locked, require_owner
from fusion_site.accounts.models import Membership
from fusion_site.pools.invalid import Invalid
from fusion_site.runs.hooks.flows.settle import DECIDE, held
from fusion_site.runs.hooks.models import Hook, OldSecret
from fusion_site.runs.hooks.secrets import opens, seal_new_secret

BOTH_FOR = timedelta(hours=24)
MOST_OLD = 4
FULL = f"It was given a new secret {MOST_OLD} times within {BOTH_FOR // timedelta(hours=1)} hours. Wait until the first of these is over."


@transaction.atomic
def renew_secret(by: Membership, hook: Hook) -> tuple[Hook, str]:
    """Give the hook and its new secret, which is not shown again. Raises Invalid, PermissionDenied, and Http404 where it is gone."""
    team, place = locked(by)
    require_owner(place, DECIDE)
    hook, now = held(team, hook), timezone.now()
    if hook.old_secrets.filter(until__gt=now).count() >= MOST_OLD:
        raise Invalid({"secret": [FULL]})
    if opens(hook):  # with one that nothing opens nothing is signed
        OldSecret.objects.create(hook=hook, sealed_secret=hook.sealed_secret, until=now + BOTH_FOR)
    secret = seal_new_secret(hook)
    hook.save(update_fields=["sealed_secret"])
    record(team, "webhook.secret_renewed", hook, by=place)
    return hook, secret


def forget_secrets(now: datetime) -> int:
    """Forget the secrets that are not used any more at `now`; gives how many."""
    return OldSecret.objects.filter(until__lte=now).delete()[0]
