"""The page on which a version of a run's fused answer is read."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import signed_in
from fusion_site.runs.access import found_run
from fusion_site.runs.header import header
from fusion_site.runs.live.choosing import choice_view
from fusion_site.runs.live.presenting import source_label
from fusion_site.runs.live.showing import ShownText
from fusion_site.runs.live.sourcing import sourced
from fusion_site.runs.live.verdict_card import verdict_view
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.parts import FusedState
from fusion_site.runs.state import RunState
from fusion_site.runs.titles import titled


@signed_in
@require_GET
def version(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """Show one whole version of the fused answer."""
    run = found_run(request.user, run_id)
    state = load_state(run.pk)
    fusions = whole_versions(state)
    if number not in fusions:
        raise Http404
    context = {"shown": _shown(state, fusions[number]), "state": _state(state, fusions[number])}
    return render(request, "runs/version.html", {**_page(run, fusions), **context})


def whole_versions(state: RunState) -> dict[int, FusedState]:
    """Give the versions that are written to their end, by number."""
    return {number: fused for number, fused in sorted(state.fusions.items()) if fused.finished}


def _page(run: Run, fusions: dict[int, FusedState]) -> dict[str, Any]:
    return {"run": run, "title": titled(run), "versions": sorted(fusions)}


def _shown(state: RunState, fused: FusedState) -> dict[str, Any]:
    text = ShownText()
    text.show(fused.text, version=fused.version, is_closed=True)
    labels = _labels(state)
    return {
        "number": fused.version,
        "source_label": source_label(fused),
        "header": header(state, fused),
        "is_merged": fused.source == "merge",
        "made_of": [labels[key] for key in fused.answers if key in labels],
        "choice": choice_view(fused.guidance),
        "blocks": text.blocks,
        "provenance": sourced(fused.text, fused.provenance, state.answers),
    }


def _state(state: RunState, fused: FusedState) -> dict[str, Any]:
    """Give what the verdict's card reads, for the verdict of this version."""
    found = verdict_view(fused.verdict, _labels(state)) if fused.verdict else None
    return {"run": {"id": state.id}, "verdict": {**found, "version": fused.version} if found else None}


def _labels(state: RunState) -> dict[str, str]:
    return {key: answer.label for key, answer in state.answers.items()}
