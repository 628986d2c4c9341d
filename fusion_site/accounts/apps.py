"""The room as Django loads it."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, teams and their rights. Keeps sign-ins in the audit trail."""

    name = "fusion_site.accounts"

    def ready(self) -> None:
        """Listen for sign-ins."""
        from django.contrib.auth.signals import user_logged_in, user_logged_out

        from fusion_site.accounts.flows.note_session import on_sign_in, on_sign_out

        user_logged_in.connect(on_sign_in, dispatch_uid="accounts.sign_in")
        user_logged_out.connect(on_sign_out, dispatch_uid="accounts.sign_out")
