"""The room as Django loads it."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, teams and their rights. Keeps sign-ins in the audit trail, and lets who comes by a team's service into it."""

    name = "fusion_site.accounts"

    def ready(self) -> None:
        """Listen for sign-ins."""
        from allauth.account import signals as account
        from allauth.mfa import signals as factors
        from allauth.socialaccount.signals import social_account_added
        from django.contrib.auth.signals import user_logged_in, user_logged_out

        from fusion_site.accounts.flows.note_factor import on_added, on_removed, on_reset
        from fusion_site.accounts.flows.note_session import on_sign_in, on_sign_out
        from fusion_site.accounts.sign_on_adapter import address_proved, linked, welcome

        factors.authenticator_added.connect(on_added, dispatch_uid="accounts.factor_added")
        factors.authenticator_reset.connect(on_reset, dispatch_uid="accounts.factor_reset")
        factors.authenticator_removed.connect(on_removed, dispatch_uid="accounts.factor_removed")
        account.user_logged_in.connect(welcome, dispatch_uid="accounts.welcome")
        social_account_added.connect(linked, dispatch_uid="accounts.linked")
        account.password_reset.connect(address_proved, dispatch_uid="accounts.address_proved")
        user_logged_in.connect(on_sign_in, dispatch_uid="accounts.sign_in")
        user_logged_out.connect(on_sign_out, dispatch_uid="accounts.sign_out")
