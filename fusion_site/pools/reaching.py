"""From a connection's id to the models behind it: the one place where a stored key is opened.

Whatever this site sends for a team goes by an endpoint from here, and there is none to where the team's rules let nothing go.

Everything here belongs to the event loop that runs it: clients and their sockets cannot be shared between loops.
"""

from __future__ import annotations

import asyncio
import threading
from functools import cache
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from django.conf import settings

from fusion_site.accounts.sealing import SealBroken, SealContext, origin_of, unseal
from fusion_site.compact.status import CompactStatus
from fusion_site.engine.asking import Asker, AskError, ErrorKind
from fusion_site.ops.querying import query_patiently
from fusion_site.ops.recent import Recent
from fusion_site.pools import compact_host
from fusion_site.pools.compact_choice import CLOSED, is_open_to
from fusion_site.pools.leaving import fault_of_target, require_leave
from fusion_site.pools.measuring import MeasuredAsker, learn_kind
from fusion_site.pools.models import Connection, Kind
from fusion_site.pools.pricing import PricedAsker
from fusion_site.providers import Attribution, Endpoint, EndpointUnavailable, Providers
from fusion_site.providers import Kind as EndpointKind

if TYPE_CHECKING:
    from fusion_site.rehearsal.host import RehearsalHost

# The largest files take minutes from a slow disk; until then the asks to it wait, and their clocks do not run.
COMPACT_LOADS_WITHIN_S = 300.0
COMPACT_LOOK_S = 0.2
ROW_GOOD_FOR_S = 1.0

_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Providers] = WeakKeyDictionary()
_starting = threading.Lock()


def providers() -> Providers:
    """Give the running loop's clients, queues and what was learned about servers."""
    loop = asyncio.get_running_loop()
    if loop not in _of_loop:
        _of_loop[loop] = Providers(settings.FUSION_PRIVATE_UPSTREAMS, attribution=_attribution())
    return _of_loop[loop]


def _attribution() -> Attribution:
    """Name this site to OpenRouter by its public address; one without https is nobody else's to visit."""
    is_public = settings.FUSION_URL.startswith("https://")
    return Attribution(url=settings.FUSION_URL if is_public else None)


async def close_providers() -> None:
    """Close what the running loop has open; to be called before the loop ends."""
    if held := _of_loop.pop(asyncio.get_running_loop(), None):
        await held.aclose()


def asker() -> Asker:
    """Give the running loop's way to ask models; their connections and prices are looked up at each ask.

    What a connection was a second ago is good enough: the judge alone asks it several times within that.
    """
    rows = Recent(_row, ROW_GOOD_FOR_S)

    async def look_up(connection_id: str) -> Endpoint:
        return await _leading_to(await rows.get(connection_id))

    async def permit(connection_id: str, endpoint: Endpoint) -> None:
        require_leave(_there(await rows.get(connection_id)).team, endpoint)

    return MeasuredAsker(PricedAsker(providers().asker(look_up, permit)))


async def endpoint(connection_id: str) -> Endpoint:
    """Give where a connection leads now, its key opened; raises EndpointUnavailable with the reason."""
    return await _leading_to(await _row(connection_id))


async def _row(connection_id: str) -> Connection | None:
    return await query_patiently(Connection.objects.select_related("team").filter(pk=connection_id).first)


def _there(row: Connection | None) -> Connection:
    if row is None:
        raise _unavailable(ErrorKind.NOT_FOUND, "The connection of this model has been deleted.")
    return row


async def _leading_to(found: Connection | None) -> Endpoint:
    row = _there(found)
    learn_kind(row.pk, row.kind)
    if row.kind == Kind.REHEARSAL:
        return await _rehearsal(row)
    if row.is_local_host:
        return await _compact(row)
    if fault := fault_of_target(row.team, row.base_url):
        raise _unavailable(ErrorKind.PERMISSION, fault)  # its key is not even opened
    return _endpoint(row, row.base_url, _key(row))


def _key(row: Connection) -> str | None:
    if row.state == "needs_key":
        raise _unavailable(ErrorKind.AUTH, f"The connection “{row.name}” needs its API key.")
    if not row.sealed_key:
        return None
    context = SealContext(connection=row.pk, team=row.team_id, origin=origin_of(row.base_url))
    try:
        return unseal(row.sealed_key, context=context)
    except SealBroken:
        message = f"The key of the connection “{row.name}” cannot be opened on this site; type it again."
        raise _unavailable(ErrorKind.AUTH, message) from None


async def _rehearsal(row: Connection) -> Endpoint:
    if not settings.FUSION_REHEARSAL:
        raise _unavailable(ErrorKind.NOT_FOUND, "The rehearsal models are switched off on this site.")
    try:
        host = await asyncio.to_thread(rehearsal_host)
    except OSError as error:
        raise _unavailable(ErrorKind.NETWORK, f"The rehearsal models cannot start: {error}.") from error
    return _loopback(row, f"127.0.0.1:{host.port}", host.key)


def rehearsal_host() -> RehearsalHost:
    """Give this process's rehearsal models, started when first needed."""
    with _starting:
        return _started_rehearsal()


@cache
def _started_rehearsal() -> RehearsalHost:
    # It brings a whole HTTP server with it: a tenth of the time that a start takes.
    from fusion_site.rehearsal.host import RehearsalHost

    host = RehearsalHost(settings.FUSION_REHEARSAL_SPEED)
    host.start()
    return host


async def _compact(row: Connection) -> Endpoint:
    if not await query_patiently(is_open_to, row.team_id):
        raise _unavailable(ErrorKind.PERMISSION, CLOSED)
    status = await _compact_status()
    if status.address is None:
        message = f"The Compact model is not running on this machine. {status.error or ''}".rstrip()
        raise _unavailable(ErrorKind.NETWORK, message)
    address = status.address
    return _loopback(row, f"{address.host}:{address.port}", address.key)


async def _compact_status() -> CompactStatus:
    """Give the host's status, once it is not about to change: after a start, a crash or a rest it loads its model."""
    until = asyncio.get_running_loop().time() + COMPACT_LOADS_WITHIN_S
    status = await asyncio.to_thread(compact_host.status)
    while status.is_about_to_change and asyncio.get_running_loop().time() < until:
        if status.state in {"asleep", "draining"}:
            compact_host.wake()
        await asyncio.sleep(COMPACT_LOOK_S)
        status = await asyncio.to_thread(compact_host.status)
    return status


def _loopback(row: Connection, host_port: str, key: str) -> Endpoint:
    """Give the endpoint of a host that the site itself runs, which the guard has to be told of."""
    providers().allow(host_port)
    return _endpoint(row, f"http://{host_port}/v1", key)


def _endpoint(row: Connection, base_url: str, key: str | None) -> Endpoint:
    return Endpoint(
        base_url=base_url,
        api_key=key,
        kind=cast("EndpointKind", row.kind),
        parallel=row.parallel,
        name=row.name,
        is_own=row.is_local_host,
        party=row.team_id,
    )


def _unavailable(kind: ErrorKind, message: str) -> EndpointUnavailable:
    """What is not permitted is not asked; all else is a failure of the connection."""
    return EndpointUnavailable(AskError(kind, message, asked=kind is not ErrorKind.PERMISSION))
