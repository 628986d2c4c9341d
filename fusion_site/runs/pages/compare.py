"""The page on which any two texts of a run are compared: versions of the fused answer, and members' answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import signed_in
from fusion_site.pages.figures import percent
from fusion_site.pages.words import outcome_word
from fusion_site.runs.access import found_run
from fusion_site.runs.header import header
from fusion_site.runs.live.verdict_card import verdict_view
from fusion_site.runs.loading import load_state
from fusion_site.runs.pages.comparing import compared
from fusion_site.runs.pages.versions import whole_versions
from fusion_site.runs.parts import AnswerState, FusedState
from fusion_site.runs.state import RunState
from fusion_site.runs.titles import titled


@dataclass(frozen=True, slots=True)
class Text:
    """One text that can be compared. `key` names it in the address: a version's number, or an answer's id."""

    key: str
    name: str
    text: str
    grounds: str
    scores: list[str] = field(default_factory=list)
    version: int | None = None


@signed_in
@require_GET
def compare(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show two texts beside each other: those of the form's `before` and `after`, else those that are likeliest meant."""
    run = found_run(request.user, run_id)
    state = load_state(run.pk)
    texts = _texts(state)
    if len(texts) < 2:
        raise Http404
    usual = _usual(state, list(texts))
    before, after = (_chosen(request, name, texts, key) for name, key in zip(_NAMES, usual, strict=True))
    context = {
        "run": run,
        "title": titled(run),
        "versions": sorted(whole_versions(state)),
        "texts": list(texts.values()),
        "before": before,
        "after": after,
        "shown": [before] if before == after else [before, after],
        "rows": compared(before.text, after.text),
        "is_same": before.text == after.text,
    }
    return render(request, "runs/compare.html", context)


_NAMES = ("before", "after")


def _texts(state: RunState) -> dict[str, Text]:
    """Give all that can be compared by its key: the versions, oldest first, then the answers in pool order."""
    labels = {key: answer.label for key, answer in state.answers.items()}
    answers = sorted(state.answers.values(), key=lambda each: (each.round, each.member))
    found = [_version(state, fused, labels) for fused in whole_versions(state).values()]
    found += [_answer(answer) for answer in answers if answer.outcome and answer.text.strip()]
    return {text.key: text for text in found}


def _version(state: RunState, fused: FusedState, labels: dict[str, str]) -> Text:
    columns = verdict_view(fused.verdict, labels)["columns"] if fused.verdict else []
    scores = [f"{each['answer_label']} {percent(each['score'])}" for each in columns]
    number = fused.version
    return Text(str(number), f"Version {number}", fused.text, header(state, fused), scores, number)


def _answer(answer: AnswerState) -> Text:
    name = f"{answer.label}, after debate {answer.round}" if answer.round else answer.label
    return Text(answer.id, name, answer.text, f"{answer.model}: {outcome_word(answer.outcome).lower()}.")


def _usual(state: RunState, keys: list[str]) -> list[str]:
    """Give the two newest versions, else the best single answer and the fused one, else the first two answers."""
    versions = [key for key in keys if key in {str(number) for number in state.fusions}]
    if len(versions) > 1:
        return versions[-2:]
    if not versions:
        return keys[:2]
    others = [key for key in keys if key not in versions]
    winner = (state.shown_verdict or {}).get("winner")
    return [winner if winner in others else others[0], versions[0]]


def _chosen(request: HttpRequest, name: str, texts: dict[str, Text], otherwise: str) -> Text:
    found = texts.get(request.GET.get(name, otherwise))
    if found is None:
        raise Http404
    return found
