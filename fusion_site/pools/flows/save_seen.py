"""Something is saved by a person who saw it as it was at one version, and not over what another has saved since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.models import Membership
from fusion_site.pools.models import Named
from fusion_site.pools.reading import Given
from fusion_site.pools.rights import held, require_editor

Save = Callable[[Membership, Given, Any], Named]


class Clash(Conflict):
    """Somebody saved it meanwhile; `now` is the thing as it is now, and nothing was written."""

    def __init__(self, now: Named) -> None:
        self.now = now
        super().__init__(
            f"It was saved meanwhile: version {seen_as(now)} is the newest. Read it again first."
        )


def seen_as(row: Named) -> int:
    """Give the number of the version that a row is shown at; one from before versions were kept is at its first."""
    return row.version or 1


@transaction.atomic
def save_seen(by: Membership, given: Given, row: Named, seen: int, save: Save) -> Named:
    """Change `row` by `save` if it is still at the version `seen`, and give it; raises Clash, else as `save` does."""
    require_editor(by)
    now = held(by, row)
    if seen_as(now) != seen:
        raise Clash(now)
    return save(by, given, row)
