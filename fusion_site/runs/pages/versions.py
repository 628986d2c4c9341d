"""The pages on which versions of a run's fused answer are read and compared."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import signed_in
from fusion_site.runs.access import found_run
from fusion_site.runs.live.choosing import choice_view
from fusion_site.runs.live.presenting import SOURCES, title_of
from fusion_site.runs.live.showing import ShownText
from fusion_site.runs.live.sourcing import sourced
from fusion_site.runs.models import Fusion, Run
from fusion_site.runs.pages.comparing import compared


@signed_in
@require_GET
def version(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """Show one whole version of the fused answer."""
    run = found_run(request.user, run_id)
    fusions = _whole_versions(run)
    if number not in fusions:
        raise Http404
    shown = _shown(run, fusions[number])
    return render(request, "runs/version.html", {**_page(run, fusions), "shown": shown})


@signed_in
@require_GET
def compare(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show two versions beside each other: those of the form's `before` and `after`, else the newest two."""
    run = found_run(request.user, run_id)
    fusions = _whole_versions(run)
    if len(fusions) < 2:
        raise Http404
    newest = sorted(fusions)[-2:]
    before, after = (_chosen(request, name, fusions, n) for name, n in zip(_NAMES, newest, strict=True))
    rows = compared(fusions[before].text, fusions[after].text)
    context = {"rows": rows, "before": before, "after": after}
    return render(request, "runs/compare.html", {**_page(run, fusions), **context})


_NAMES = ("before", "after")


def _chosen(request: HttpRequest, name: str, fusions: dict[int, Fusion], otherwise: int) -> int:
    asked = request.GET.get(name, str(otherwise))
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    if number not in fusions:
        raise Http404
    return number


def _whole_versions(run: Run) -> dict[int, Fusion]:
    return {fusion.version: fusion for fusion in run.fusions.filter(finished=True)}


def _page(run: Run, fusions: dict[int, Fusion]) -> dict[str, Any]:
    return {"run": run, "title": title_of(run.prompt), "versions": sorted(fusions)}


def _shown(run: Run, fusion: Fusion) -> dict[str, Any]:
    text = ShownText()
    text.show(fusion.text, version=fusion.version, is_closed=True)
    answers = {answer.pk: answer for answer in run.answers.all()}
    labels = {key: answer.label for key, answer in answers.items()}
    return {
        "number": fusion.version,
        "source_label": SOURCES.get(fusion.source, fusion.source),
        "note": fusion.note,
        "made_of": [labels[key] for key in fusion.answers if key in labels],
        "late": [labels[key] for key in fusion.late if key in labels],
        "choice": choice_view(fusion.guidance),
        "blocks": text.blocks,
        "provenance": sourced(fusion.text, fusion.provenance, answers),
    }
