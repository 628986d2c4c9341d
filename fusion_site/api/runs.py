"""`/api/v1/runs`: ask a preset, and read what came of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Header, Query, Router
from pydantic import StringConstraints

from fusion_site.api.doors import caller
from fusion_site.api.refusals import refusal
from fusion_site.api.run_doors import found, limited, url_of
from fusion_site.api.run_filters import ListedRun, RunPage, RunQuery, found_runs, listed_json
from fusion_site.api.run_orders import NewRun, estimated, started
from fusion_site.api.run_shapes import AcceptedRun, EstimateOut, StepPage, TodayOut
from fusion_site.api.versions import difference_json
from fusion_site.ops.querying import snapshot
from fusion_site.runs.finding.wanted import Wanted
from fusion_site.runs.flows.delete import delete_runs
from fusion_site.runs.flows.start import ChangedSince, KeyReused
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.models import State
from fusion_site.runs.pages.exporting import exported_run
from fusion_site.runs.raw_steps import step_json, steps_of
from fusion_site.runs.today import today_of

router = Router(tags=["runs"])

Key = Annotated[str, StringConstraints(min_length=1, max_length=255)] | None


@router.post("", response={201: AcceptedRun})
def create_run(
    request: HttpRequest, payload: NewRun, idempotency_key: Header[Key] = None
) -> dict[str, Any] | HttpResponse:
    """Ask a preset. With the header `Idempotency-Key`, the same body gives the same run for 24 hours."""
    try:
        run = started(caller(request), payload, idempotency_key)
    except KeyReused:
        return refusal(409, "This Idempotency-Key was used with another body.")
    except ChangedSince as changed:
        return refusal(409, str(changed))
    except LimitReached as limit:
        return limited(limit)
    # What was answered when it was accepted, also when the same key asks again.
    return {"id": run.pk, "url": url_of(request, run), "state": State.QUEUED}


@router.post("/estimate", response=EstimateOut)
def estimate_run(request: HttpRequest, payload: NewRun) -> dict[str, Any]:
    """Say what such a run may cost; asks nothing, and stores nothing."""
    return estimated(caller(request), payload)


@router.get("", response=RunPage, by_alias=True)
def list_runs(request: HttpRequest, query: Query[RunQuery]) -> dict[str, Any]:
    """Give the team's runs, newest first: all, or those that match."""
    return found_runs(caller(request).membership, query)


@router.get("/{run_id}", response=ListedRun, by_alias=True)
def read_run(request: HttpRequest, run_id: str) -> dict[str, Any]:
    """Give one run as it is now, with what has been written of every answer."""
    with snapshot():
        return listed_json(caller(request).membership, [found(request, run_id)], Wanted())[0]


@router.delete("/{run_id}", response={204: None})
def delete_run(request: HttpRequest, run_id: str) -> None:
    """Delete a run, which is stopped; for 7 days it can be had back by `POST deleted/{id}/restore`."""
    delete_runs(caller(request).membership, [found(request, run_id)], timezone.now())


@router.get("/{run_id}/export.{form}", response={200: None})
def export_run(request: HttpRequest, run_id: str, form: Literal["md", "json"]) -> HttpResponse:
    """Give the run with everything in it as a file: Markdown for people, or JSON in the shape of docs/runs.md."""
    return exported_run(found(request, run_id), form)


@router.get("/{run_id}/again", response=TodayOut)
def look_again(request: HttpRequest, run_id: str) -> dict[str, Any]:
    """Give what has changed since the run in what it would use if it were asked again now; asks nothing."""
    run = found(request, run_id)
    today = today_of(run)
    return {
        "preset": today.preset.pk,
        "pinned": run.pinned or None,
        "changes": [difference_json(each) for each in today.changes],
        "seen": today.seen,
    }


@router.get("/{run_id}/steps", response=StepPage)
def read_steps(request: HttpRequest, run_id: str, version: int | None = None) -> dict[str, Any]:
    """Give every call by the judge, raw and in order: of the whole run, or those that one version rests on."""
    steps = steps_of(found(request, run_id), version)
    return {"items": [step_json(step) for step in steps], "next": None}
