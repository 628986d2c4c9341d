"""Choosing on a run's page what the fused answer keeps and leaves out."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from fusion_site.accounts.access import signed_in
from fusion_site.pools.invalid import Invalid
from fusion_site.runs.access import actable_run
from fusion_site.runs.flows.guide import guide_run
from fusion_site.runs.models import Run
from fusion_site.runs.pages.again import gone_on


@signed_in
@require_POST
def guide(request: HttpRequest, run_id: str) -> HttpResponse:
    """Take the choice that the page has collected, or none where `do` is `without`; news reach the page over its WebSocket."""
    run = actable_run(request.user, run_id)
    is_without = request.POST.get("do") == "without"
    return gone_on(
        request, run, partial(_guided, run, "{}" if is_without else request.POST.get("choice", ""))
    )


def _guided(run: Run, choice: str) -> Run:
    return guide_run(run, _read(choice))


def _read(choice: str) -> dict[str, Any]:
    try:
        given = json.loads(choice)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Invalid({"choice": ["What was chosen could not be read. Load the page again."]})
    return given
