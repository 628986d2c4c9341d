"""The part of the team's page in which owners set the budget."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.flows.set_budget import set_budget
from fusion_site.accounts.team_pages.people import team_page
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.reading import Reading


@signed_in
@require_POST
def set_team_budget(request: HttpRequest) -> HttpResponseBase:
    """Set the current team's budget; an empty field takes it away."""
    reading = Reading(request.POST.dict())
    budget_usd = reading.money("budget_usd")
    try:
        reading.finish()
    except Invalid as invalid:
        typed = request.POST.get("budget_usd", "")
        return team_page(request, status=422, budget_typed=typed, budget_errors=invalid.fields["budget_usd"])
    set_budget(current_membership(request), budget_usd)
    messages.success(request, "The budget was saved.")
    return redirect("team")
