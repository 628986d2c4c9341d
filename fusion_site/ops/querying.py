"""Queries of coroutines that live long: each gives its connection back, and those that may wait outlast an outage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# What a database says that has gone, is starting, cannot serve just now, or has ended a transaction that stood still; a
# wrong query says something else.
DISTURBED = (OperationalError, InterfaceError, InternalError)
# Between two tries while the database is away, in seconds.
PAUSE_S = 0.3


async def query(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that queries, in Django's thread.

    The connection is given back afterwards: one that were kept would be missing in the pool for as long as the
    coroutine lives, and would be dead after the database's next restart. SQLite has no server that could be away, and
    opening its file again would cost more than most queries.
    """
    if connection.vendor == "sqlite":
        return await sync_to_async(function)(*args, **kwargs)
    found: T = await database_sync_to_async(function)(*args, **kwargs)
    return found


def give_back() -> None:
    """Give this thread's connection back before more work: the next query gets one that lives. SQLite's is kept."""
    if connection.vendor != "sqlite":
        close_old_connections()


@contextmanager
def snapshot() -> Iterator[None]:
    """Read several things as of one moment, for the length of the block; inside another transaction, as that sees them.

    The site's transactions on SQLite take the write lock as they begin, since nearly all of them write: a reader must not
    wait for it, nor hold the journal up. PostgreSQL's see what others commit meanwhile, unless told otherwise.
    """
    if connection.in_atomic_block:
        yield
        return
    is_sqlite = connection.vendor == "sqlite"
    usual = getattr(connection, "transaction_mode", None)
    try:
        if is_sqlite:
            connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
        with transaction.atomic():
            if not is_sqlite:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    finally:
        if is_sqlite:
            connection.transaction_mode = usual  # type: ignore[attr-defined]


async def query_patiently(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same, but wait while the database is away. For what may be done twice: that it was done may go unheard."""
    was_told = had_another_try = False
    while True:
        try:
            return await query(function, *args, **kwargs)
        except DISTURBED:
            if await query(is_away):
                if not was_told:
                    log.warning("the database is away; waiting for it")
                was_told = True
            elif had_another_try:
                raise
            else:
                had_another_try = True
        await asyncio.sleep(PAUSE_S)


def is_away() -> bool:
    """Whether the database does not answer this thread, which is in no transaction."""
    connection.close()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DISTURBED:
        return True
    return False
