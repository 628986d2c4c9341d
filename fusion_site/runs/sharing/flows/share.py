"""A run is shared by a link, and the link is revoked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership, Reach
from fusion_site.accounts.team_settings import LinkPolicy, link_policy
from fusion_site.pools.invalid import one_of
from fusion_site.pools.reading import Reading
from fusion_site.runs.live.lens import Part
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.models import Share

DEFAULT_DAYS = 30
MOST_DAYS = 3650
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 128
COMMENTS = "comments"
# What may be shown, and what is unless something else is chosen.
SHOWN = (*Part, COMMENTS)
SHOWN_BY_DEFAULT = (Part.FUSED, Part.VERDICT)
FIELDS = ("show", "days", "expires_at", "password", "voting")


@dataclass(frozen=True, slots=True)
class Made:
    """A new link. Its token is stored nowhere and can be shown only now."""

    share: Share
    token: str


def share_run(by: Membership, run: Run, given: Mapping[str, object]) -> Made:
    """Make a link to the run as `given` by a form or a program: `show`, `days` or `expires_at`, `password`, `voting`.

    Raises Invalid, and PermissionDenied where the team has no links. Who may share the run is the caller's to know.
    """
    policy = link_policy(run.team)
    if policy.reach == Reach.NONE:
        raise PermissionDenied("This team shares nothing by links: its owners have decided so.")
    reading = Reading(given)
    reading.only(FIELDS)
    show, voting = _shown(reading), reading.flag("voting", default=False)
    expires_at, password = _expiry(reading, policy), _password(reading, policy)
    if voting and Part.MEMBERS not in show:
        reading.wrong("voting", "There is nothing to vote on unless the answers are shown.")
    reading.finish()
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        share = Share.objects.create(
            run=run,
            made_by=by.user,
            digest=Share.digest_of(token),
            hint=token[-4:],
            parts=[part.value for part in Part if part in show],
            with_comments=COMMENTS in show,
            voting=voting,
            password=make_password(password) if password else "",
            expires_at=expires_at,
        )
        record(run.team, "share.made", share, by=by, run=run.pk, show=shown_words(share))
    return Made(share, token)


def revoke_share(by: Membership, share: Share) -> None:
    """Let a link be dead from now on; one that is so already stays as it was."""
    with transaction.atomic():
        is_new = Share.objects.filter(pk=share.pk, revoked_at=None).update(revoked_at=timezone.now())
        if is_new:
            record(share.run.team, "share.revoked", share, by=by, run=share.run_id)


def shown_words(share: Share) -> list[str]:
    """Give what a link shows, in the words of `show`."""
    return [*share.parts, *([COMMENTS] if share.with_comments else [])]


def _shown(reading: Reading) -> list[str]:
    if reading.blank("show"):
        return list(SHOWN_BY_DEFAULT)
    words = reading.lines("show", most=len(SHOWN), longest=20)
    if any(word not in SHOWN for word in words):
        reading.wrong("show", one_of([str(word) for word in SHOWN]))
    elif not set(words) & set(Part):
        reading.wrong("show", "Choose at least one part of the run.")
    return words


def _expiry(reading: Reading, policy: LinkPolicy) -> datetime:
    now = timezone.now()
    most = min(MOST_DAYS, policy.max_days or MOST_DAYS)
    if reading.blank("expires_at"):
        days = reading.whole("days", low=1, high=most, default=min(DEFAULT_DAYS, most))
        return now + timedelta(days=days or most)
    at = parse_datetime(reading.text("expires_at", longest=40))
    if at is None or timezone.is_naive(at):
        reading.wrong("expires_at", "Enter a date and time with its zone, such as 2030-01-31T12:00:00Z.")
    elif not now < at <= now + timedelta(days=most):
        reading.wrong("expires_at", f"Choose a moment in the next {most} days.")
    else:
        return at
    return now


def _password(reading: Reading, policy: LinkPolicy) -> str:
    password = reading.text("password", longest=LONGEST_PASSWORD)
    if password and len(password) < SHORTEST_PASSWORD:
        reading.wrong("password", f"Use at least {SHORTEST_PASSWORD} characters.")
    if not password and policy.needs_password:
        reading.wrong("password", "This team's links need a password.")
    return password
