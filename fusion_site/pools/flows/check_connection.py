"""A connection is tried: is it there, is the key good, does it offer models?"""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.utils import timezone

from fusion_site.accounts.models import Membership
from fusion_site.engine.asking import AskError
from fusion_site.pools import reaching
from fusion_site.pools.flows.refresh_catalogue import refresh_catalogue
from fusion_site.pools.models import Connection
from fusion_site.pools.rights import require_editor
from fusion_site.providers import AskFailed


async def check_connection(by: Membership, connection: Connection) -> AskError | None:
    """Try the connection and keep the result on it; gives what is wrong, or None. A good one's catalogue is kept too."""
    require_editor(by)
    fault = await _fault(connection)
    await sync_to_async(_keep)(connection, fault)
    return fault


async def _fault(connection: Connection) -> AskError | None:
    try:
        result = await reaching.providers().check(await reaching.endpoint(connection.pk))
        if not result.error:
            await refresh_catalogue(connection, anew=True)
    except AskFailed as failed:
        return failed.error
    return result.error


def _keep(connection: Connection, fault: AskError | None) -> None:
    """Note the result, unless the connection was changed while it was tried: then it says nothing about what is there."""
    connection.checked_at = timezone.now()
    connection.check_error = {"kind": fault.kind, "message": fault.message} if fault else None
    same = Connection.objects.filter(
        pk=connection.pk, base_url=connection.base_url, sealed_key=connection.sealed_key
    )
    same.update(checked_at=connection.checked_at, check_error=connection.check_error)
