"""Where allauth's sign-up meets this site's way of opening an account."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from fusion_site.accounts.flows.accept_invitation import SESSION_INVITATION, invitation_known
from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.limits import refusal_of
from fusion_site.accounts.models import User
from fusion_site.accounts.sure import is_sure

log = logging.getLogger(__name__)
_LINKS = ("password_reset_url", "activate_url", "signup_url")


def own_address(url: str) -> str:
    """Give the same place of this site at its own address, FUSION_URL."""
    parts = urlsplit(url)
    return settings.FUSION_URL + urlunsplit(("", "", parts.path, parts.query, ""))


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Stores a person together with the personal team, or not at all; says what is too often, and who is sure enough."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether this visitor may open an account: everybody, or where sign-up is closed, who was invited, and the first."""
        if settings.FUSION_SIGNUP or invitation_known(request.session.get(SESSION_INVITATION)):
            return True
        return not User.objects.exists()

    def save_user(
        self, request: HttpRequest, user: AbstractBaseUser, form: BaseForm, commit: bool = True
    ) -> AbstractBaseUser:
        """Give the stored person; two sign-ups with one address at once leave one person and lead to sign-in."""
        person = cast("User", super().save_user(request, user, form, commit=False))
        if commit:
            try:
                open_account(person)
            except IntegrityError:
                if not User.objects.filter(email=person.email).exists():
                    raise
                messages.error(request, "Somebody has just signed up with this address. Sign in instead.")
                raise ImmediateHttpResponse(redirect("account_login")) from None
        return person

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: str) -> str:
        """Count failed sign-ins by the address alone. By allauth's own key, guessers begin anew at every port in `Host`."""
        address: str = credentials.get("email", "")
        return address.lower()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send one mail. Its links lead to the site's own address, whichever of its hosts the request named.

        A mail server that takes none keeps nobody from going on: it stands in the log, and who waits for the mail is told.
        """
        links = {name: own_address(context[name]) for name in _LINKS if name in context}
        try:
            super().send_mail(template_prefix, email, {**context, **links, "site_url": settings.FUSION_URL})
        except (OSError, SMTPException) as error:  # what SMTP servers say may quote the mail
            log.warning("a mail about an account could not be sent: %s", type(error).__name__)
            if links or "code" in context:
                messages.error(
                    self.request, "The mail server of this site did not take the mail. Try again later."
                )

    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """Give what to say beside a field. Too many failed tries have a page of their own, which says when to come back."""
        error: ValidationError = super().validation_error(code, *args)
        if (page := refusal_of(error)) is not None:
            raise ImmediateHttpResponse(page)
        return error

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whether who is signed in has to prove it once more; who has signed in just now need not."""
        return bool(super().is_reauthentication_required(app=app, **kwargs)) and not is_sure(context.request)

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        """Give where to go on; a new person has just chosen the password, which proves as much as typing it."""
        if kwargs.get("signup") and not get_authentication_records(request, user):
            record_authentication(request, user, method="signup")
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response
