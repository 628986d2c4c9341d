"""An invitation goes to its address by mail, where the site sends any."""

from __future__ import annotations

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import timezone

from fusion_site.accounts.models import Invitation

log = logging.getLogger(__name__)


def mail_invitation(invitation: Invitation, link: str) -> bool:
    """Send `link` to the invitation's address; False where the site sends no mail, or its server took none.

    To be called outside of a transaction: it may take as long as the mail server does. The link is not logged.
    """
    if not (settings.FUSION_SENDS_MAIL and invitation.email):
        return False
    told = {"invitation": invitation, "link": link, "site": settings.FUSION_URL}
    subject = f"Join the team {invitation.team.name}"
    try:
        send_mail(subject, render_to_string("accounts/mail/invitation.txt", told), None, [invitation.email])
    except (OSError, SMTPException) as error:  # what SMTP servers say may quote the mail
        log.warning("an invitation could not be mailed: %s", type(error).__name__)
        return False
    Invitation.objects.filter(pk=invitation.pk).update(mailed_at=timezone.now())
    return True
