"""Django's cache as rows of the site's database, so that all processes share it and none needs another server for it.

Values are JSON: with pickles, whoever could write a row would be master of the site.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import IntegrityError, transaction
from django.db.models import IntegerField, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from fusion_site.accounts.limits import note_rate
from fusion_site.accounts.models import Kept


class RowCache(BaseCache):
    """The cache backend. A key that has expired is absent; `forget_expired` deletes its row some time later."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        """Take the settings that all backends have; the location means nothing here."""
        super().__init__(params)

    def add(
        self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Keep the value unless there is one; says whether it was kept. Of two at once, one is."""
        name, fields = self._name(key, version), self._fields(value, timeout)
        # Not get_or_create: where the row goes again right after it was in the way, that would raise.
        try:
            with transaction.atomic():
                Kept.objects.create(key=name, **fields)
        except IntegrityError:
            return Kept.objects.filter(key=name, expires_at__lte=timezone.now()).update(**fields) > 0
        return True

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Give the value, or `default`."""
        note_rate(key)
        kept = self._good(key, version).values_list("value", flat=True).first()
        return default if kept is None else orjson.loads(kept)

    def set(
        self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Keep the value, whatever was there."""
        row = Kept(key=self._name(key, version), **self._fields(value, timeout))
        Kept.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["key"], update_fields=["value", "expires_at"]
        )

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a number that is there, and give what it is then; of many at once, all count. Raises ValueError without one."""
        good, number = self._good(key, version), Cast("value", IntegerField())
        if not good.update(value=Cast(number + delta, TextField())):
            raise ValueError(f"there is no {key!r} to add to")
        return int(good.values_list("value", flat=True).get())

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let what is there expire at another time; False where there is nothing."""
        return self._good(key, version).update(expires_at=self._until(timeout)) > 0

    def delete(self, key: str, version: int | None = None) -> bool:
        """Forget it; says whether there was something."""
        return Kept.objects.filter(key=self._name(key, version)).delete()[0] > 0

    def clear(self) -> None:
        """Forget everything."""
        Kept.objects.all().delete()

    def _name(self, key: str, version: int | None) -> str:
        make: Callable[..., str] = self.make_and_validate_key
        return make(key, version=version)

    def _good(self, key: str, version: int | None) -> QuerySet[Kept]:
        lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return Kept.objects.filter(lasting, key=self._name(key, version))

    def _fields(self, value: Any, timeout: float | None) -> dict[str, Any]:
        return {"value": orjson.dumps(value).decode(), "expires_at": self._until(timeout)}

    def _until(self, timeout: float | None) -> datetime | None:
        at = self.get_backend_timeout(timeout)
        return None if at is None else datetime.fromtimestamp(at, UTC)
