"""`manage.py rotatekeys`: seals every stored secret under the first of FUSION_SEALING_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fusion_site.pools.flows.rotate_keys import rotate_keys


class Command(BaseCommand):
    """Reseal all stored keys; afterwards the older sealing keys may be dropped, unless it says otherwise."""

    help = "Seal every stored secret (provider keys, second factors, sign-in services, webhooks) under the first key of FUSION_SEALING_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Reseal, and fail if some key could not be opened."""
        done = rotate_keys()
        self.stdout.write(f"{done.resealed} sealed anew, {done.current} were already.")
        if done.broken:
            raise CommandError(
                f"{len(done.broken)} cannot be opened by any key of the keyring: {', '.join(done.broken)}. "
                "Keep the older keys, or have these set up again."
            )
