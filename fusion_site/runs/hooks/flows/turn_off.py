"""A hook that fails for long is turned off by the site, and the team's owners are told."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership, Role
from fusion_site.runs.hooks.models import Delivery, Hook, Outcome

log = logging.getLogger(__name__)

# How long a receiver may take nothing, with every send in that time failing.
FAILING_FOR = timedelta(days=3)
FAILED_LONG = f"Nothing was taken for {FAILING_FOR.days} days."
GONE = "The receiver answered 410: it wants no more."
TOO_LATE = "The webhook was turned off, since it failed for long."


def turn_off(hook: Hook, why: str) -> None:
    """Turn it off for this reason; the caller has a transaction open, and tells the owners after it."""
    hook.is_on, hook.off_because = False, why
    hook.save(update_fields=["is_on", "off_because"])
    drop_waiting(hook, TOO_LATE)
    record(hook.team_id, "webhook.disabled", hook, by=None, why=why)


def drop_waiting(hook: Hook, why: str) -> None:
    """Send nothing of what still waits."""
    waiting = Delivery.objects.filter(hook=hook, outcome="")
    waiting.update(outcome=Outcome.FAILED, due_at=None, error=why)


def tell_owners(hook: Hook) -> None:
    """Mail each owner that it is off, where the site sends mail. Outside of a transaction: mail servers take their time."""
    if not settings.FUSION_SENDS_MAIL:
        return
    owners = Membership.objects.filter(team=hook.team_id, role=Role.OWNER, user__is_active=True)
    page = settings.FUSION_URL + reverse("webhook", args=[hook.pk])
    text = render_to_string("hooks/mail/turned_off.txt", {"hook": hook, "page": page})
    for email in owners.values_list("user__email", flat=True):
        try:
            send_mail(f"The webhook {hook.name} was turned off", text, None, [email])
        except (OSError, SMTPException) as error:  # what SMTP servers say may quote the mail
            log.warning("an owner could not be told of a webhook: %s", type(error).__name__)
