"""Something is deleted, unless something else still needs it."""

from __future__ import annotations

from django.db import transaction
from django.db.models import ProtectedError, Q

from fusion_site.accounts.models import Membership
from fusion_site.pools.invalid import InUse
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset
from fusion_site.pools.rights import held, require_editor


@transaction.atomic
def delete(by: Membership, row: Named) -> None:
    """Delete the row; raises InUse, naming by what, where a pool, a judge or a preset still refers to it."""
    require_editor(by)
    found = held(by, row)
    try:
        with transaction.atomic():
            found.delete()
    except ProtectedError:
        raise InUse(users_of(found)) from None


def users_of(row: Named) -> list[str]:
    """Name what refers to the row, as a person would: `pool “Quick”`, `judge “Strict”`."""
    users: list[Named] = []
    if isinstance(row, Connection):
        users += Pool.objects.filter(members__connection=row).distinct()
        users += Judge.objects.filter(
            Q(connection=row) | Q(fallback_connection=row) | Q(second_connection=row)
        )
    elif isinstance(row, Pool | Judge):
        users += Preset.objects.filter(**{row._meta.model_name or "": row})
    return [f"{type(user).__name__.lower()} “{user.name}”" for user in users]
