"""Where allauth's sign-up meets this site's way of opening an account."""

from __future__ import annotations

from typing import cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError
from django.forms import BaseForm
from django.http import HttpRequest
from django.shortcuts import redirect

from fusion_site.accounts.flows.accept_invitation import SESSION_INVITATION, invitation_known
from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Stores a person together with the personal team, or not at all."""

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
