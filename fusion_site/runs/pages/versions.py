"""The pages on which versions of a run's fused answer are read and compared."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import signed_in
from fusion_site.pages.figures import percent
from fusion_site.runs.access import found_run
from fusion_site.runs.header import header
from fusion_site.runs.live.choosing import choice_view
from fusion_site.runs.live.presenting import source_label, title_of
from fusion_site.runs.live.showing import ShownText
from fusion_site.runs.live.sourcing import sourced
from fusion_site.runs.live.verdict_card import verdict_view
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.pages.comparing import compared
from fusion_site.runs.parts import FusedState
from fusion_site.runs.state import RunState


@signed_in
@require_GET
def version(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """Show one whole version of the fused answer."""
    run = found_run(request.user, run_id)
    state = load_state(run.pk)
    fusions = _whole_versions(state)
    if number not in fusions:
        raise Http404
    context = {"shown": _shown(state, fusions[number]), "state": _state(state, fusions[number])}
    return render(request, "runs/version.html", {**_page(run, fusions), **context})


@signed_in
@require_GET
def compare(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show two versions beside each other: those of the form's `before` and `after`, else the newest two."""
    run = found_run(request.user, run_id)
    state = load_state(run.pk)
    fusions = _whole_versions(state)
    if len(fusions) < 2:
        raise Http404
    newest = sorted(fusions)[-2:]
    before, after = (_chosen(request, name, fusions, n) for name, n in zip(_NAMES, newest, strict=True))
    texts = fusions[before].text, fusions[after].text
    rows = compared(*texts)
    grounds = [_grounds(state, fusions[number]) for number in dict.fromkeys((before, after))]
    context = {
        "rows": rows,
        "is_same": texts[0] == texts[1],
        "before": before,
        "after": after,
        "grounds": grounds,
    }
    return render(request, "runs/compare.html", {**_page(run, fusions), **context})


_NAMES = ("before", "after")


def _chosen(request: HttpRequest, name: str, fusions: dict[int, FusedState], otherwise: int) -> int:
    asked = request.GET.get(name, str(otherwise))
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    if number not in fusions:
        raise Http404
    return number


def _whole_versions(state: RunState) -> dict[int, FusedState]:
    return {number: fused for number, fused in sorted(state.fusions.items()) if fused.finished}


def _page(run: Run, fusions: dict[int, FusedState]) -> dict[str, Any]:
    return {"run": run, "title": title_of(run.prompt), "versions": sorted(fusions)}


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


def _grounds(state: RunState, fused: FusedState) -> dict[str, Any]:
    """Give in two lines what a version rests on: its header, and how its candidates were scored."""
    columns = verdict_view(fused.verdict, _labels(state))["columns"] if fused.verdict else []
    scores = [f"{each['answer_label']} {percent(each['score'])}" for each in columns]
    return {"number": fused.version, "header": header(state, fused), "scores": scores}


def _labels(state: RunState) -> dict[str, str]:
    return {key: answer.label for key, answer in state.answers.items()}
