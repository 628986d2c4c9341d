"""Webhooks: a team's own addresses are told when a run ends, as a room of their own within runs."""

from __future__ import annotations

from django.apps import AppConfig


class HooksConfig(AppConfig):
    """Named apart from the rooms' apps, so that its tables and migrations are its own."""

    name = "fusion_site.runs.hooks"
    label = "hooks"

    def ready(self) -> None:
        """Have the secrets sealed anew with all others."""
        from fusion_site.accounts.flows.rotate_secrets import also_sealed
        from fusion_site.runs.hooks.secrets import (
            sealed_of_hooks,
        )  # needs the models, which are ready only now

        also_sealed(sealed_of_hooks)
