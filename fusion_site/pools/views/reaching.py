"""What pages ask of the models' servers: whether a connection works, and which models it offers."""

from __future__ import annotations

import re

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fusion_site.accounts.access import asigned_in, visible
from fusion_site.pools.catalogue import facts_of, offered
from fusion_site.pools.drafts import Field
from fusion_site.pools.flows.check_connection import check_connection
from fusion_site.pools.flows.refresh_catalogue import refresh_catalogue
from fusion_site.pools.models import CatalogueModel, Connection
from fusion_site.pools.naming import is_id
from fusion_site.pools.views.reach import person, reached
from fusion_site.pools.views.things import CONNECTION
from fusion_site.providers import AskFailed

MOST_OPTIONS = 40
MOST_SHOWN = 500

_PATH = re.compile(r"[a-z_]{1,30}(\.\d{1,2}\.[a-z_]{1,30})?")


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
    fault = await _refreshed(row)
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


@asigned_in
@require_safe
async def options(request: HttpRequest) -> HttpResponseBase:
    """Give a model input its suggestions, and what is known of the model in it.

    `of` and `at` name the inputs of the connection and of the model by their paths; their values come under those.
    """
    paths = [request.GET.get(name, "") for name in ("of", "at")]
    if not all(_PATH.fullmatch(path) for path in paths):
        return await sync_to_async(render)(request, "404.html", status=404)
    connection_id, typed = (request.GET.get(path, "").strip() for path in paths)
    rows = visible(Connection, person(request)).filter(pk=connection_id)
    row = await sync_to_async(rows.first)() if is_id(connection_id) else None
    fault = await _refreshed(row) if row else ""
    found = await sync_to_async(_suggested)(row, typed) if row else []
    chosen = next((model for model in found if model.model == typed), None)
    context = {
        "field": Field(paths[1], typed, []),
        "options": [(model.model, facts_of(model)) for model in found],
        "facts": facts_of(chosen) if chosen else "",
        "fault": fault,
    }
    return await sync_to_async(render)(request, "pools/_options.html", context)


def _suggested(row: Connection, typed: str) -> list[CatalogueModel]:
    """Give models that match what is typed, and if none does, or one exactly, the first of all: a start for looking."""
    found = list(offered(row, typed)[:MOST_OPTIONS])
    if not found or [model.model for model in found] == [typed]:
        found += [model for model in offered(row)[:MOST_OPTIONS] if model.model != typed]
    return found


async def _refreshed(row: Connection) -> str:
    """Hear the catalogue anew if it is old; gives why that could not be done, which is no reason to show nothing."""
    try:
        await refresh_catalogue(row)
    except AskFailed as failed:
        return failed.error.message
    return ""
