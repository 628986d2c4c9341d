"""Where allauth's way of signing in by another service meets this site's rules for whom such a service may speak."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from fusion_site.accounts.flows.come_by_sign_on import forget_links, join_by_sign_on
from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.flows.switch_team import work_in
from fusion_site.accounts.models import SignOn, User
from fusion_site.accounts.sign_on import TeamService, provider_of, sign_on_at


class SignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Lets a team's service speak for those who are linked to it, and for nobody who has an account but is not.

    The team's owner runs the service and could have it say anything. So an address that it names, confirmed or not, never
    leads into an account that exists: its person signs in as usual first, and links the two.
    """

    def get_provider(
        self, request: HttpRequest | None, provider: str, client_id: str | None = None
    ) -> TeamService:
        """Give the service with this id; raises ValueError, which ends a suspended sign-in by one that is gone."""
        return provider_of(request, _sign_on(provider))

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """Give none: services are found by their ids alone."""
        return []

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whether the person may open an account: an owner has invited them by setting the service up."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Stop on the way in where there is an account with this address, or no address that can be used."""
        if sociallogin.is_existing or sociallogin.state.get("process") == "connect":
            return
        email = (sociallogin.user.email or "").lower()
        if not email or sociallogin.account.extra_data.get("id_token", {}).get("email_verified") is False:
            raise ImmediateHttpResponse(_page(request, sociallogin, "socialaccount/no_address.html"))
        if _is_taken(email):
            raise ImmediateHttpResponse(_page(request, sociallogin, "socialaccount/known.html", email=email))

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Give the new person, stored with a personal team and in the team of the service."""
        user = cast("User", sociallogin.user)
        user.name = str(sociallogin.account.extra_data.get("id_token", {}).get("name") or "")[:120]
        user.set_unusable_password()
        # The service may say so of any address; only a mail of our own confirms one.
        for address in sociallogin.email_addresses:
            address.verified = False
        try:
            open_account(user, may_own_site=False)
        except IntegrityError:
            raise ImmediateHttpResponse(redirect("account_login")) from None
        sociallogin.save(request)
        return user

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        """Give where to go once an account is linked."""
        return reverse("team")


def welcome(*, request: HttpRequest, user: User, sociallogin: SocialLogin | None = None, **_: Any) -> None:
    """Let who has signed in through a service, second factor and all, into its team."""
    if sociallogin is not None and (sign_on := sign_on_at(sociallogin.account.provider)) is not None:
        place = join_by_sign_on(user, sign_on)
        if place is not None:
            work_in(request, place)


def linked(*, request: HttpRequest, sociallogin: SocialLogin, **_: Any) -> None:
    """Let who has linked their account with a service into its team."""
    welcome(request=request, user=sociallogin.user, sociallogin=sociallogin)


def address_proved(*, user: User, **_: Any) -> None:
    """Cut the links of who has reset the password by mail."""
    forget_links(user)


def _sign_on(sign_on_id: str) -> SignOn:
    found = sign_on_at(sign_on_id)
    if found is None:
        raise ValueError("this service is gone")
    return found


def _is_taken(email: str) -> bool:
    return (
        User.objects.filter(email=email).exists() or EmailAddress.objects.filter(email__iexact=email).exists()
    )


def _page(request: HttpRequest, sociallogin: SocialLogin, template: str, **more: Any) -> HttpResponse:
    sign_on = _sign_on(sociallogin.account.provider)
    return render(request, template, {"sign_on": sign_on, **more}, status=409)
