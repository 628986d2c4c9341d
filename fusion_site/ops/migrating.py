"""What the database lacks of the tables that this code needs."""

from __future__ import annotations

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor


def unapplied() -> int:
    """Count the migrations that the database lacks; raises DatabaseError if it cannot be read."""
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def bring_up_to_date() -> None:
    """Do what `manage.py migrate` does, if anything is to be done, and leave no connection open in this thread."""
    if unapplied():
        call_command("migrate", verbosity=0, interactive=False)
    connections.close_all()
