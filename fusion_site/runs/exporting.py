"""A run as a file to be kept: in markdown for people, in JSON for programs, both with the honest header."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fusion_site.pages.figures import money, percent
from fusion_site.pages.words import ending_word
from fusion_site.runs.header import header
from fusion_site.runs.live.lens import Lens, Part
from fusion_site.runs.live.presenting import UNTITLED, title_of
from fusion_site.runs.parts import AnswerState
from fusion_site.runs.picture_words import picture_lines
from fusion_site.runs.reading import run_json
from fusion_site.runs.state import RunState

Json = dict[str, Any]

# What a file says of a run in any case, and what with each of its parts.
_ALWAYS = ("state", "mode", "rehearsal", "message", "created_at", "finished_at")
_WITH = {
    Part.PROMPT: ("prompt", "pictures", "unseen_by"),
    Part.VERDICT: ("verdict",),
    Part.MEMBERS: ("answers",),
    Part.FUSED: ("fused",),
    Part.COST: ("cost_usd", "cost_complete"),
}
_OF_FUSED = ("version", "text", "source", "finished")
_OF_SOURCES = ("provenance", "judge_only", "dropped", "provenance_clipped")
_OF_ANSWER = (
    "id",
    "member",
    "label",
    "model",
    "rehearsal",
    "round",
    "outcome",
    "text",
    "first_token_ms",
    "total_ms",
)
_OF_ANSWER_COST = ("usage", "cost_usd")


def as_json(state: RunState, lens: Lens | None = None) -> Json:
    """Give the run as programs read it, with its header; through a lens, `state` is what that shows, and so is the file."""
    whole = {"header": header(state), **run_json(state)}
    if lens is None:
        return whole
    names = ["header", *_ALWAYS, *(name for part in Part if part in lens.parts for name in _WITH[part])]
    shown = {name: whole[name] for name in names}
    if shown.get("fused"):
        of_fused = (*_OF_FUSED, *(_OF_SOURCES if lens.sources else ()))
        shown["fused"] = {name: shown["fused"][name] for name in of_fused}
    if "answers" in shown:
        of_answer = (*_OF_ANSWER, *(_OF_ANSWER_COST if lens.cost else ()))
        shown["answers"] = [{name: each[name] for name in of_answer} for each in shown["answers"]]
    return shown


def as_markdown(state: RunState, lens: Lens | None = None) -> str:
    """Give the run as markdown: the header first, then each part that is shown; texts stand exactly as they were written."""
    parts = [f"# {_plain(title_of(state.prompt) or UNTITLED)}", f"> {header(state)}"]
    parts += _facts(state, lens)
    if _shows(lens, Part.PROMPT):
        parts += ["## Prompt", state.prompt, *picture_lines(state)]
    if _shows(lens, Part.FUSED) and state.fused is not None and state.state != "failed":
        parts += ["## Fused answer", state.fused.text]
    if _shows(lens, Part.VERDICT) and state.shown_verdict:
        parts += ["## Verdict", *_verdict(state, state.shown_verdict)]
    if _shows(lens, Part.MEMBERS):
        parts += ["## Answers", *_answers(state)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _shows(lens: Lens | None, part: Part) -> bool:
    return lens is None or part in lens.parts


def _facts(state: RunState, lens: Lens | None) -> Iterator[str]:
    told = [f"Started {state.created_at}"]
    if _shows(lens, Part.COST) and state.cost_usd is not None:
        least = "" if state.cost_complete else "at least "
        told.append(f"cost {least}{money(Decimal(state.cost_usd))}")
    yield ", ".join(told) + "."


def _verdict(state: RunState, verdict: Json) -> Iterator[str]:
    labels = {key: answer.label for key, answer in state.answers.items()}
    winner = labels.get(verdict.get("winner") or "")
    if verdict.get("judge"):
        says = f"{_plain(winner)} is best" if winner else "No answer stands out"
        yield f"{says}, says {_plain(verdict['judge']['name'])} ({_plain(verdict['judge']['model'])})."
    yield verdict.get("note", "")
    scores = [
        f"| {_plain(labels.get(each['answer'], each['label']))} | {percent(each['score'])} |"
        for each in verdict.get("candidates", [])
    ]
    if scores:
        yield "\n".join(["| Answer | Score |", "| --- | --- |", *scores])
    yield verdict.get("reasoning", "")


def _answers(state: RunState) -> Iterator[str]:
    for answer in sorted(state.answers.values(), key=lambda each: (each.round, each.member)):
        yield f"### {_plain(answer.label)}"
        yield _about(answer)
        yield answer.text


def _about(answer: AnswerState) -> str:
    told = [
        answer.model,
        ending_word(answer.outcome, answer.error) if answer.outcome else "still being written",
    ]
    told += [f"debate round {answer.round}"] if answer.round else []
    told += ["rehearsal: a script, no AI"] if answer.rehearsal else []
    return f"*{_plain(', '.join(told))}*"


def _plain(text: str) -> str:
    """Give a name on one line, without what would be taken for marks."""
    return " ".join(text.split()).replace("|", "/").replace("*", "")
