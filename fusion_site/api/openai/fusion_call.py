"""A fusion as progress: the item `openrouter:fusion` and its events, as OpenRouter's Responses API tells of its own.

Source: OpenRouter's OpenAPI document, `response.fusion_call.*` (August 2026). Theirs name a member by its model alone; ours
add the answer's id and label, since a pool may hold one model twice. And their `panel.failed` says why in `error`, which ends
the whole stream in OpenAI's own clients, of Python and of Node: ours says it in `message`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fusion_site.runs.models import Run, State
from fusion_site.runs.parts import AnswerState
from fusion_site.runs.state import RunState

ITEM = "openrouter:fusion"
_WHOLE = {"complete", "truncated"}

Told = tuple[str, dict[str, Any]]


@dataclass
class _Heard:
    """How much of one answer was told."""

    attempt: int
    text: int = 0
    reasoning: int = 0
    is_over: bool = False


class FusionCall:
    """Tells of one run by what is new in its state, so that it does not matter when somebody begins to listen."""

    def __init__(self, run: Run) -> None:
        self.id = f"fc_{run.pk}"
        self._judge = run.settings["judge"]["model"]["model"]
        self._heard: dict[str, _Heard] = {}
        self._is_judging = self._is_judged = False

    def news(self, state: RunState) -> Iterator[Told]:
        """Give the events since the last time, each as its name after `response.fusion_call.` and its fields."""
        for answer in sorted(state.answers.values(), key=lambda each: (each.round, each.member)):
            yield from self._panel(answer)
        if not self._is_judging and (state.state == State.JUDGING or state.verdict):
            self._is_judging = True
            yield "analysis.in_progress", {"analyst_model": self._judge, "judge_model": self._judge}
        if not self._is_judged and state.verdict:
            self._is_judged = True
            yield "analysis.completed", {"analysis": analysis(state)}

    def item(self, state: RunState, status: str) -> dict[str, Any]:
        """Give the item of the output. `status` is in_progress, completed or failed."""
        answers = sorted(state.answers.values(), key=lambda each: (each.round, each.member))
        found = {"analysis": analysis(state)} if state.verdict and status == "completed" else {}
        return {
            "type": ITEM,
            "id": self.id,
            "status": status,
            **found,
            "responses": [{**_named(a), "content": a.text} for a in answers if a.outcome in _WHOLE],
            "failed_models": [_failed(a) for a in answers if a.outcome and a.outcome not in _WHOLE],
        }

    def _panel(self, answer: AnswerState) -> Iterator[Told]:
        heard = self._heard.get(answer.id)
        if heard is None or (answer.attempt != heard.attempt and (heard.text or heard.reasoning)):
            # A further attempt starts its text again: the one before counts no more.
            heard = self._heard[answer.id] = _Heard(answer.attempt)
            yield "panel.added", _named(answer)
        heard.attempt = answer.attempt
        yield from self._grown(answer, heard)
        if answer.outcome and not heard.is_over:
            heard.is_over = True
            yield _ended(answer)

    def _grown(self, answer: AnswerState, heard: _Heard) -> Iterator[Told]:
        if more := answer.reasoning[heard.reasoning :]:
            yield "panel.reasoning.delta", {**_named(answer), "delta": more}
        if more := answer.text[heard.text :]:
            yield "panel.delta", {**_named(answer), "delta": more}
        heard.reasoning, heard.text = len(answer.reasoning), len(answer.text)


def analysis(state: RunState) -> dict[str, Any]:
    """Give what the judge found in the five lists that both know; empty where nothing was compared."""
    verdict = state.verdict or {}
    shown = {each["label"]: each["answer"] for each in verdict.get("candidates", [])}
    models = {label: state.answers[key].model for label, key in shown.items() if key in state.answers}
    return {
        "consensus": verdict.get("consensus", []),
        "contradictions": [_contradiction(each, models) for each in verdict.get("contradictions", [])],
        "partial_coverage": [_partial(each, models) for each in verdict.get("partial_coverage", [])],
        "unique_insights": [_by_model(each, models) for each in verdict.get("unique_insights", [])],
        "blind_spots": verdict.get("blind_spots", []),
    }


def _contradiction(each: dict[str, Any], models: dict[str, str]) -> dict[str, Any]:
    return {**each, "stances": [_by_model(stance, models) for stance in each.get("stances", [])]}


def _partial(each: dict[str, Any], models: dict[str, str]) -> dict[str, Any]:
    rest = {name: value for name, value in each.items() if name != "labels"}
    return {"models": [models.get(label, label) for label in each.get("labels", [])], **rest}


def _by_model(each: dict[str, Any], models: dict[str, str]) -> dict[str, Any]:
    rest = {name: value for name, value in each.items() if name != "label"}
    label = each.get("label", "")
    return {"model": models.get(label, label), **rest}


def _named(answer: AnswerState) -> dict[str, Any]:
    return {"model": answer.model, "answer": answer.id, "label": answer.label, "round": answer.round}


def _failed(answer: AnswerState) -> dict[str, Any]:
    return {**_named(answer), "error": _why(answer)}


def _ended(answer: AnswerState) -> Told:
    if answer.outcome in _WHOLE:
        return "panel.completed", {**_named(answer), "content": answer.text}
    return "panel.failed", {**_named(answer), "message": _why(answer)}


def _why(answer: AnswerState) -> str:
    return str(answer.error["message"]) if answer.error else f"The answer is {answer.outcome}."
