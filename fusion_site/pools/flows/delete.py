"""Something is deleted, unless something else still needs it; for a while it can be had back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, ProtectedError, Q, QuerySet

from fusion_site.accounts.models import Membership
from fusion_site.pools.flows.keep_version import first_version, keep_version
from fusion_site.pools.invalid import InUse
from fusion_site.pools.models import Connection, Judge, Named, Pool, Preset, Version
from fusion_site.pools.rights import held, require_editor

DELETED = "Deleted"
KEPT_FOR = timedelta(days=30)
KEYS_KEPT_FOR = timedelta(days=7)


@transaction.atomic
def delete(by: Membership, row: Named, *, note: str = DELETED) -> None:
    """Delete the row; raises InUse, naming by what, where a pool, a judge or a preset still refers to it.

    Its versions stay for `KEPT_FOR`, so that it can be made again as it was. Its key stays with them for
    `KEYS_KEPT_FOR`, sealed as it was, where nothing that asks models looks for one.
    """
    require_editor(by)
    found = held(by, row)
    try:
        with transaction.atomic():
            first_version(found)
            keep_version(by.user, found, note, is_end=True)
            if isinstance(found, Connection):
                Version.objects.filter(thing=found.pk, number=found.version).update(
                    sealed_key=found.sealed_key
                )
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


def ends() -> QuerySet[Version]:
    """Give the last version of everything that is deleted and was not had back, the newest first."""
    later = Version.objects.filter(thing=OuterRef("thing"), number__gt=OuterRef("number"))
    return Version.objects.filter(~Exists(later), is_end=True).order_by("-saved_at", "-id")


def forget_deleted(now: datetime) -> int:
    """Delete the versions of what was deleted longer than `KEPT_FOR` ago; gives of how many things. Keys go before."""
    Version.objects.filter(is_end=True, saved_at__lt=now - KEYS_KEPT_FOR).exclude(sealed_key="").update(
        sealed_key=""
    )
    gone = list(ends().filter(saved_at__lt=now - KEPT_FOR).values_list("thing", flat=True)[:100])
    Version.objects.filter(thing__in=gone).delete()
    return len(gone)
