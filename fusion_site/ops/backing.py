"""What stands behind the site, from its two URLs: the database, and the channel layer that carries the doorbell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

# Django's own backend, but for the pool.
POSTGRESQL = "fusion_site.ops.postgresql"
SQLITE = "django.db.backends.sqlite3"

_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=27103364;",
}
# A thread takes a connection for one request or one query and gives it back. Whoever finds none free, or no server,
# is told so after `timeout` seconds; a server that has vanished without a word is noticed after 15. After an outage the
# pool must not wait longer and longer before it tries again: leases have to be renewed at once. A process that froze in the
# middle of a transaction holds locks that whoever takes its runs over needs: after so many milliseconds they are freed.
_POSTGRESQL_OPTIONS = {
    "pool": {"min_size": 1, "max_size": 20, "timeout": 5, "reconnect_timeout": 1},
    "connect_timeout": 5,
    "tcp_user_timeout": 15_000,
    "options": "-c idle_in_transaction_session_timeout=5000",
}


def database_at(url: str, data_dir: Path) -> dict[str, Any]:
    """Give Django's settings of the database at `url`, or of the SQLite file in `data_dir` where that is empty.

    Raises ImproperlyConfigured with one sentence that does not show the URL, since that may hold a password.
    """
    try:
        found: dict[str, Any] = dict(
            dj_database_url.parse(
                url or f"sqlite:///{data_dir / 'fusion.sqlite3'}", conn_max_age=0, conn_health_checks=True
            )
        )
    except ValueError:
        found = {}
    found["ENGINE"] = {"django.db.backends.postgresql": POSTGRESQL, SQLITE: SQLITE}.get(
        found.get("ENGINE", "")
    )
    if not found["ENGINE"] or not found.get("NAME"):
        raise ImproperlyConfigured(
            "DATABASE_URL must be postgres://user:password@host:port/name or sqlite:////path/to/file."
        )
    own = _POSTGRESQL_OPTIONS if found["ENGINE"] == POSTGRESQL else _SQLITE_OPTIONS
    found["OPTIONS"] = {**own, **found.get("OPTIONS", {})}
    return found


def channel_layer_at(url: str) -> dict[str, Any]:
    """Give Channels' settings of the layer over the Redis at `url`, or of one inside the process where that is empty.

    Raises ImproperlyConfigured with one sentence that does not show the URL.
    """
    if not url:
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    # A twentieth of the time that a start takes, which a site without Redis does not need.
    from redis.asyncio.connection import parse_url
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    try:
        parse_url(url)
    except ValueError:
        raise ImproperlyConfigured(
            "REDIS_URL must be redis://host:port/0, rediss://… or unix:///path/to/socket."
        ) from None
    # A bell that cannot be rung now is not worth waiting for: every listener looks at the rows anyway.
    host = {
        "address": url,
        "socket_connect_timeout": 2,
        "socket_timeout": 2,
        "retry": Retry(NoBackoff(), 1),
    }
    return {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [host], "prefix": "fusion"},
    }
