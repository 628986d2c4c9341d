"""What pages ask of the models' servers: whether a connection works, and which models it offers."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fusion_site.accounts.access import asigned_in
from fusion_site.pools.catalogue import offered
from fusion_site.pools.flows.check_connection import check_connection
from fusion_site.pools.flows.refresh_catalogue import refresh_catalogue
from fusion_site.pools.models import Connection
from fusion_site.pools.views.reach import reached
from fusion_site.pools.views.things import CONNECTION
from fusion_site.providers import AskFailed

MOST_SHOWN = 500


@asigned_in
@require_POST
async def check(request: HttpRequest, row_id: str) -> HttpResponseBase:
    """Try a connection; htmx gets the result in place, others the list with the result on top."""
    row, place = await sync_to_async(reached)(request, CONNECTION, row_id)
    assert isinstance(row, Connection)
    fault = await check_connection(place, row)
    if getattr(request, "htmx", False):
        return await sync_to_async(render)(
            request, "pools/connections/_state.html", {"row": row, "fault": fault, "checked": True}
        )
    if fault:
        messages.error(request, f"“{row.name}” does not work: {fault.message}")
    else:
        messages.success(request, f"“{row.name}” works.")
    return redirect(CONNECTION.list_url())


@asigned_in
@require_safe
async def catalogue(request: HttpRequest, row_id: str) -> HttpResponseBase:
    """Show the models of a connection with context length and prices, all or those that hold the words of `q`."""
    row, _ = await sync_to_async(reached)(request, CONNECTION, row_id)
    assert isinstance(row, Connection)
    fault = await refreshed(row)
    words = request.GET.get("q", "")[:100]
    context = {"row": row, "q": words, "fault": fault, "most": MOST_SHOWN}
    return await sync_to_async(_catalogue_page)(request, row, words, context)


def _catalogue_page(
    request: HttpRequest, row: Connection, words: str, context: dict[str, object]
) -> HttpResponseBase:
    models = offered(row, words)
    context |= {"models": models[:MOST_SHOWN], "total": models.count()}
    part = "_catalogue" if getattr(request, "htmx", False) else "catalogue"
    return render(request, f"pools/connections/{part}.html", context)


async def refreshed(row: Connection) -> str:
    """Hear the catalogue anew if it is old; gives why that could not be done, which is no reason to show nothing."""
    try:
        await refresh_catalogue(row)
    except AskFailed as failed:
        return failed.error.message
    return ""
