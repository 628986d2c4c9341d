"""Django's PostgreSQL, with a pool that gets over a restart of the server at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic
from typing import Any, ClassVar

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import Connection
from psycopg_pool import ConnectionPool

# For so long after a refusal it is expected that the server refuses again, and how long it is then waited for.
REFUSED_FOR_S = 5.0
REFUSED_WAIT_S = 0.5


class Pool(ConnectionPool[Connection[Any]]):
    """Once one connection proves dead, tries all that wait, and so drops those that died with it.

    By itself the pool would hand them out one by one, with growing pauses: after a restart, twenty of them make half a
    minute in which nobody is served and no lease renewed. And while the server is known to refuse, nobody waits long.
    """

    def __init__(self, **options: Any) -> None:
        self._refused_at = -math.inf
        super().__init__(
            check=self._check_all_if_dead, reconnect_failed=self._note_refusal, open=False, **options
        )

    def getconn(self, timeout: float | None = None) -> Connection[Any]:
        """Give a connection; raises PoolTimeout."""
        if monotonic() - self._refused_at < REFUSED_FOR_S:
            timeout = min(self.timeout if timeout is None else timeout, REFUSED_WAIT_S)
        found: Connection[Any] = super().getconn(timeout)
        self._refused_at = -math.inf
        return found

    def _note_refusal(self, pool: object) -> None:
        self._refused_at = monotonic()

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
