"""What the model picker of a form offers: models of all of the team's connections that match what is typed."""

from __future__ import annotations

import re
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fusion_site.accounts.access import asigned_in, current_membership, membership_in
from fusion_site.accounts.models import Team
from fusion_site.pools.drafts import Field
from fusion_site.pools.flows.refresh_catalogue import hear_of_new_ones
from fusion_site.pools.models import CatalogueModel, Connection
from fusion_site.pools.naming import is_id
from fusion_site.pools.picking import MOST_OFFERED, ORDERS, Wanted, choosable
from fusion_site.pools.views.reach import person
from fusion_site.pools.views.reaching import refreshed

_PATH = re.compile(r"[a-z_]{1,30}(\.\d{1,2}\.[a-z_]{1,30})?")


@asigned_in
@require_safe
async def options(request: HttpRequest) -> HttpResponseBase:
    """Give a picker its list, and what is known of the model that is typed.

    `of` and `at` name the inputs of the connection and of the model by their paths; their values come under those, and
    `order`, `free`, `local` and `all` (whatever is typed) narrow the list. `team` is that of the form.
    """
    paths = [request.GET.get(name, "") for name in ("of", "at")]
    if not all(_PATH.fullmatch(path) for path in paths):
        return await sync_to_async(render)(request, "404.html", status=404)
    connection_id, typed = (request.GET.get(path, "").strip() for path in paths)
    team = await sync_to_async(_team)(request)
    row = await sync_to_async(_connection)(team, connection_id)
    fault = await refreshed(row) if row else ""
    # Only when the list is opened: what does not answer would else be waited for at every key.
    if request.GET.get("all"):
        await hear_of_new_ones(team)
    context = {"field": Field(paths[1], typed, []), "fault": fault, "orders": ORDERS}
    wanted = _wanted(request, connection_id, typed)
    return await sync_to_async(_list)(request, team, row, wanted, context)


def _team(request: HttpRequest) -> Team:
    """Give the team of the form, if the person is in it; else the one they work in."""
    named = request.GET.get("team", "")
    place = membership_in(person(request), named) if is_id(named) else None
    return (place or current_membership(request)).team


def _connection(team: Team, connection_id: str) -> Connection | None:
    rows = Connection.objects.filter(team=team)
    return rows.filter(pk=connection_id).first() if is_id(connection_id) else None


def _wanted(request: HttpRequest, connection_id: str, typed: str) -> Wanted:
    words = "" if request.GET.get("all") else typed[:100]
    return Wanted(
        words=words,
        order=request.GET.get("order", "name"),
        first=connection_id if is_id(connection_id) else "",
        only_free=bool(request.GET.get("free")),
        only_local=bool(request.GET.get("local")),
    )


def _list(
    request: HttpRequest, team: Team, row: Connection | None, wanted: Wanted, context: dict[str, Any]
) -> HttpResponseBase:
    found = choosable(team, wanted)
    models = list(found[: MOST_OFFERED + 1])
    context |= {
        "models": models[:MOST_OFFERED],
        "total": found.count() if len(models) > MOST_OFFERED else len(models),
        "chosen": _known(row, context["field"].value),
        "wanted": wanted,
    }
    return render(request, "pools/_options.html", context)


def _known(row: Connection | None, model: str) -> CatalogueModel | None:
    """Give what the form's connection tells of exactly this model."""
    if row is None or "\x00" in model:
        return None
    return CatalogueModel.objects.select_related("connection").filter(connection=row, model=model).first()
