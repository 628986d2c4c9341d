"""The page on which every call by the judge can be opened: how one version of the fused answer was judged."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import signed_in
from fusion_site.engine.ladder import MARKED
from fusion_site.pools.models import Connection
from fusion_site.runs.access import found_run
from fusion_site.runs.header import sentences
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run, Step
from fusion_site.runs.raw_steps import mark_of, step_json, steps_of
from fusion_site.runs.titles import titled

MERGED = "what was merged"
# Where in a reply its verdict was found, by the rungs of the ladder.
STAGES = {
    "marked": "read from the JSON that bears this call's mark",
    "strict": "all of it was JSON",
    "fence": "read from its JSON block",
    "balanced": "read from the JSON in its text",
}
UNMARKED = ", without the mark that it was asked to bear"


@signed_in
@require_GET
def judged(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """Show the calls by the judge that a version rests on, in order and raw; of a version in the making, those so far."""
    run = found_run(request.user, run_id)
    steps, state = steps_of(run, number), load_state(run.pk)
    fused = state.fusions.get(number)
    if not steps and fused is None:
        raise Http404
    context = {
        "run": run,
        "title": titled(run),
        "number": number,
        "grounds": sentences(state, fused) if fused else [],
        "steps": _shown(run, steps),
    }
    return render(request, "runs/judged.html", context)


def _shown(run: Run, steps: list[Step]) -> list[dict[str, Any]]:
    labels = dict(run.answers.values_list("pk", "label"))
    names = dict(Connection.objects.filter(team=run.team_id).values_list("pk", "name"))
    return [_step(step, labels, names) for step in steps]


def _step(step: Step, labels: dict[str, str], names: dict[str, str]) -> dict[str, Any]:
    told = step_json(step)
    return {
        **told,
        "connection_name": names.get(step.connection, ""),
        "cost": step.cost_usd,
        "found": _found(told["stage"], step),
        "started": step.started_at,
        "candidates": [
            {**each, "whose": labels.get(each["answer"], "?") if each["answer"] else MERGED}
            for each in step.shown
        ],
    }


def _found(stage: str | None, step: Step) -> str:
    """Say where in the reply the verdict was found, and if it might be a quoted one: it bears no mark, as it should."""
    if stage is None:
        return ""
    return STAGES[stage] + (UNMARKED if stage != MARKED and mark_of(step) else "")
