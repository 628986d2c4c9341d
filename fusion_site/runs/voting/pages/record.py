"""The part of a pool's page that shows its record; a page of its own for who comes without htmx."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from fusion_site.accounts.access import signed_in
from fusion_site.pages.charts import bars_across, spans
from fusion_site.pools.models import Pool
from fusion_site.pools.views.reach import reached
from fusion_site.pools.views.things import POOL
from fusion_site.runs.voting.record import record_of


@signed_in
@require_safe
def pool_record(request: HttpRequest, row_id: str) -> HttpResponse:
    """Show what became of the runs of a pool and of each member in them."""
    row, _ = reached(request, POOL, row_id)
    assert isinstance(row, Pool)
    found = record_of(row)
    compared = [each for each in found.members if each.pick_share]
    context = {
        "pool": row,
        "found": found,
        "compared": compared,
        "picks_chart": spans([each.pick_share for each in compared if each.pick_share]),
        "any_dropped": any(each.dropped for each in found.members),
        "drops_chart": bars_across([each.dropped / each.answers for each in found.members]),
    }
    part = "_record" if getattr(request, "htmx", False) else "record"
    return render(request, f"voting/{part}.html", context)
