"""What only presets have: the mark of the team's default, and the variables of a template as it is typed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from fusion_site.accounts.access import signed_in
from fusion_site.pools.flows.mark_default import mark_default
from fusion_site.pools.models import Preset
from fusion_site.pools.prompting import fault_in, variables_in
from fusion_site.pools.views.reach import reached
from fusion_site.pools.views.things import PRESET


@signed_in
@require_POST
def default(request: HttpRequest, row_id: str) -> HttpResponseBase:
    """Mark a preset as the one with which Compose begins, or take the mark off where `on` is 0."""
    row, place = reached(request, PRESET, row_id)
    assert isinstance(row, Preset)
    marked = mark_default(place, row, is_on=request.POST.get("on") != "0")
    said = "is the default now: Compose begins with it" if marked.is_default else "is no longer the default"
    messages.success(request, f"“{marked.name}” {said}.")
    return redirect(PRESET.list_url())


@signed_in
@require_POST
def variables(request: HttpRequest) -> HttpResponseBase:
    """Say which fields a template that is being typed has on the Compose page, or what is wrong with it."""
    template = request.POST.get("template", "")
    context = {"variables": variables_in(template), "fault": fault_in(template), "template": template}
    return render(request, "pools/presets/_variables.html", context)
