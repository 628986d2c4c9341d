"""A connection is tried: is it there, is the key good, does it offer models?"""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.utils import timezone

from fusion_site.accounts.models import Membership
from fusion_site.engine.asking import AskError
from fusion_site.pools import reaching
from fusion_site.pools.flows.refresh_catalogue import refresh_catalogue
from fusion_site.pools.keys import plain_key
from fusion_site.pools.models import Connection
from fusion_site.pools.rights import require_editor
from fusion_site.providers import AskFailed, CheckResult


async def check_connection(by: Membership, connection: Connection) -> AskError | None:
    """Try the connection and keep the result on it; gives what is wrong, or None. A good one's catalogue is kept too.

    What OpenRouter tells of the key is kept in `connection.key_facts`.
    """
    require_editor(by)
    result = await _result(connection)
    await sync_to_async(_keep)(connection, result)
    return result.error


async def _result(connection: Connection) -> CheckResult:
    key = None
    try:
        result = await reaching.providers().check(await reaching.endpoint(connection.pk))
        key = result.key
        if result.ok:
            await refresh_catalogue(connection, anew=True)
    except AskFailed as failed:
        return CheckResult(False, failed.error, key)
    return result


def _keep(connection: Connection, result: CheckResult) -> None:
    """Note the result, unless the connection was changed while it was tried: then it says nothing about what is there."""
    fault = result.error
    connection.checked_at = timezone.now()
    connection.check_error = {"kind": fault.kind, "message": fault.message} if fault else None
    connection.key_facts = plain_key(result.key) if result.key else None
    same = Connection.objects.filter(
        pk=connection.pk, base_url=connection.base_url, sealed_key=connection.sealed_key
    )
    same.update(**{name: getattr(connection, name) for name in ("checked_at", "check_error", "key_facts")})
