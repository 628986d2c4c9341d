"""A team's owners say which addresses are told of the ends of its runs; nobody else decides where its text goes."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404

from fusion_site.accounts.audit import changed, record
from fusion_site.accounts.flows.owning import locked, require_owner
from fusion_site.accounts.models import Membership, Team
from fusion_site.pools.addresses import fault_of_receiver
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.leaving import fault_of_target
from fusion_site.pools.naming import LONGEST_NAME
from fusion_site.pools.reading import Given, Reading
from fusion_site.runs.hooks.flows.turn_off import drop_waiting
from fusion_site.runs.hooks.models import Delivery, Hook
from fusion_site.runs.hooks.secrets import seal_new_secret

MOST_HOOKS = 20
FULL = f"A team has at most {MOST_HOOKS} webhooks."
DECIDE = "decide who is told of the ends of its runs"
TURNED_OFF = "The webhook was turned off before this was sent."
_FIELDS = ("name", "url", "with_prompt", "with_answer", "is_on")


@transaction.atomic
def make_hook(by: Membership, given: Given) -> tuple[Hook, str]:
    """Store a new hook; gives it with its secret, which is not shown again. Raises Invalid, PermissionDenied, Http404."""
    team, place = locked(by)
    require_owner(place, DECIDE)
    hook = Hook(team=team, made_by=place.user)
    wanted = _read(team, given)
    if Hook.objects.filter(team=team).count() >= MOST_HOOKS:
        raise Invalid({"name": [FULL]})
    secret = seal_new_secret(hook)
    _put(hook, wanted)
    record(team, "webhook.created", hook, by=place, **_texts(hook))
    return hook, secret


@transaction.atomic
def change_hook(by: Membership, hook: Hook, given: Given) -> Hook:
    """Change what is given. One that is turned on begins anew; what waited for one that is turned off is not sent.

    Raises Invalid, PermissionDenied, and Http404 where it is gone.
    """
    team, place = locked(by)
    require_owner(place, DECIDE)
    hook = held(team, hook)
    before = plain_hook(hook)
    wanted = _read(team, {**before, **given}, hook)
    if wanted["is_on"] != hook.is_on:
        hook.off_because, hook.failing_since = "", None
    _put(hook, wanted)
    if not hook.is_on:
        drop_waiting(hook, TURNED_OFF)
    if fields := changed(before, plain_hook(hook)):
        record(team, "webhook.changed", hook, by=place, fields=fields, **_texts(hook))
    return hook


@transaction.atomic
def delete_hook(by: Membership, hook: Hook) -> None:
    """Delete it, with what it was told and was to be. Raises PermissionDenied, and Http404 where it is gone."""
    team, place = locked(by)
    require_owner(place, DECIDE)
    hook = held(team, hook)
    record(team, "webhook.deleted", hook, by=place)
    hook.delete()


@transaction.atomic
def try_hook(by: Membership, hook: Hook) -> Delivery:
    """Have a test sent, once, in the background; what comes of it stands in the delivery. Raises as `change_hook` does."""
    team, place = locked(by)
    require_owner(place, DECIDE)
    hook = held(team, hook)
    if not hook.is_on:
        raise Invalid({"is_on": ["Turn the webhook on to test it."]})
    record(team, "webhook.tested", hook, by=place)
    return Delivery.objects.create(hook=hook)


def plain_hook(hook: Hook) -> dict[str, Any]:
    """Give what an owner decides about a hook."""
    return {name: getattr(hook, name) for name in _FIELDS}


def held(team: Team, hook: Hook) -> Hook:
    """Give the hook as it is now, which nobody else changes before the transaction ends. Raises Http404 where it is gone."""
    found = Hook.objects.select_for_update(no_key=True).filter(pk=hook.pk, team=team).first()
    if found is None:
        raise Http404
    return found


def _read(team: Team, given: Given, hook: Hook | None = None) -> dict[str, Any]:
    reading = Reading(given)
    reading.only(_FIELDS)
    url = reading.line("url", longest=500, required=True)
    # An address from before the team's rules stays, and is told nothing.
    is_new = hook is None or hook.url != url
    if (
        url
        and is_new
        and "url" not in reading.errors
        and (fault := fault_of_receiver(url) or fault_of_target(team, url))
    ):
        reading.wrong("url", fault)
    wanted = {
        "name": reading.line("name", longest=LONGEST_NAME, required=True),
        "url": url,
        "with_prompt": reading.flag("with_prompt", default=False),
        "with_answer": reading.flag("with_answer", default=False),
        "is_on": reading.flag("is_on", default=True),
    }
    reading.finish()
    return wanted


def _put(hook: Hook, wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        setattr(hook, name, value)
    hook.save()


def _texts(hook: Hook) -> dict[str, Any]:
    """Say in the trail which texts go out."""
    return {"with_prompt": hook.with_prompt, "with_answer": hook.with_answer}
