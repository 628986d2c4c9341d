"""What the doors of `/api/v1/runs` share: which run is meant, who may act on it, and what is answered for one."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from fusion_site.api.doors import caller
from fusion_site.api.refusals import refusal
from fusion_site.engine.asking import ErrorKind
from fusion_site.runs.access import may_act
from fusion_site.runs.limits import LimitReached, OverBudget
from fusion_site.runs.models import Run

# What a program is told to wait for other runs to end, in seconds.
LIMIT_RETRY_S = 5


def found(request: HttpRequest, run_id: str) -> Run:
    """Give a run of the token's team; 404 for any other."""
    run = Run.objects.filter(team=caller(request).token.team_id, pk=run_id).first()
    if run is None:
        raise Http404
    return run


def actable(request: HttpRequest, run_id: str) -> Run:
    """Give a run that the token's person may stop or go on with; 403 for one that only may be read."""
    run = found(request, run_id)
    if not may_act(caller(request).token.user, run):
        raise PermissionDenied(
            "Only who started a run, and editors of its team, may stop it or go on with it."
        )
    return run


def accepted(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Say that something goes on with a run."""
    return {"id": run.pk, "url": url_of(request, run), "state": run.state}


def url_of(request: HttpRequest, run: Run) -> str:
    """Give the address of a run's page."""
    return request.build_absolute_uri(reverse("run", args=[run.pk]))


def limited(limit: LimitReached) -> HttpResponse:
    """Refuse for now; there is no Retry-After where waiting for other runs to end would not help."""
    is_money = isinstance(limit, OverBudget)
    response = refusal(429, str(limit), kind=ErrorKind.BILLING if is_money else ErrorKind.RATE_LIMIT)
    if not isinstance(limit, OverBudget) or limit.may_pass:
        response["Retry-After"] = str(LIMIT_RETRY_S)
    return response
