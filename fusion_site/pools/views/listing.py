"""The lists of connections, pools, judges and presets."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.pools import compact_host
from fusion_site.pools.compact_page import may_operate
from fusion_site.pools.flows.delete import ends
from fusion_site.pools.models import Connection
from fusion_site.pools.views.reach import person
from fusion_site.pools.views.things import Thing

ROWS_PER_PAGE = 50


@signed_in
@require_safe
def index(request: HttpRequest, thing: Thing) -> HttpResponseBase:
    """Show what the current team has of one kind, by name."""
    team = current_membership(request).team
    shown = Paginator(thing.listed(team).order_by("name", "id"), ROWS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    deleted = ends().filter(team=team, kind=thing.noun).select_related("person")[:ROWS_PER_PAGE]
    context: dict[str, Any] = {
        "thing": thing,
        "page": shown,
        "rows": shown.object_list,
        "deleted": list(deleted),
    }
    if thing.model is Connection:
        context |= {"compact": compact_host.status(), "may_operate": may_operate(person(request))}
    return render(request, f"pools/{thing.plural}/index.html", context)
