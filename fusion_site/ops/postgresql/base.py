"""Django's PostgreSQL, with a pool that gets over a restart of the server at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import Connection
from psycopg_pool import ConnectionPool


class Pool(ConnectionPool[Connection[Any]]):
    """Once one connection proves dead, tries all that wait, and so drops those that died with it.

    By itself the pool would hand them out one by one, with growing pauses: after a restart, twenty of them make half a
    minute in which nobody is served and no lease renewed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(check=self._check_all_if_dead, open=False, **options)

    def _check_all_if_dead(self, connection: Connection[Any]) -> None:
        try:
            self.check_connection(connection)
        except Exception:
            self.check()
            raise


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, but for the pool."""

    _connection_pools: ClassVar[dict[str, Pool]]
    _configure_connection: Callable[[Any], Any]

    @property
    def pool(self) -> Pool | None:
        """The pool of this database in this process, or None where the settings want none."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            # Two threads may make one each at the start; neither is open yet, and the first stays.
            self._connection_pools.setdefault(self.alias, self._new_pool(options))
        return self._connection_pools[self.alias]

    def _new_pool(self, options: dict[str, Any]) -> Pool:
        connecting = {**self.get_connection_params(), "autocommit": True}
        return Pool(kwargs=connecting, configure=self._configure_connection, **options)
