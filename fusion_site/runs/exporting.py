"""A run as a file to be kept: in markdown for people, in JSON for programs, both with the honest header."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fusion_site.ops.querying import snapshot
from fusion_site.pages.figures import money, percent
from fusion_site.pages.words import ending_word
from fusion_site.runs.header import header
from fusion_site.runs.live.lens import Lens, Part
from fusion_site.runs.live.verdict_card import verdict_view
from fusion_site.runs.loading import state_of
from fusion_site.runs.models import Run
from fusion_site.runs.parts import AnswerState
from fusion_site.runs.picture_words import picture_lines
from fusion_site.runs.raw_steps import step_json, steps_of
from fusion_site.runs.reading import run_json
from fusion_site.runs.state import RunState
from fusion_site.runs.timeline import timeline_json
from fusion_site.runs.titles import UNTITLED

Json = dict[str, Any]

# The name of the shape and its number, which rises where what was there before is told otherwise.
_SHAPE = {"format": "fusion-run", "format_version": 1}
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


def complete_json(run: Run) -> Json:
    """Give all that is kept of a run but for its events: docs/runs.md says what is in it, for the team's members alone."""
    with snapshot():
        state = state_of(run)
        settings = {name: value for name, value in run.settings.items() if name != "seed"}
        return {
            **_SHAPE,
            "header": header(state),
            **run_json(state),
            "settings": settings,
            "conversation": run.conversation.thread if run.history else None,
            "steps": [step_json(step) for step in steps_of(run)],
            "timeline": timeline_json(run),
        }


def as_json(state: RunState, lens: Lens) -> Json:
    """Give the run as programs read it, with its header: `state` is what a lens shows, and so is the file."""
    whole = {**_SHAPE, "header": header(state), **run_json(state)}
    names = [
        *_SHAPE,
        "header",
        *_ALWAYS,
        *(name for part in Part if part in lens.parts for name in _WITH[part]),
    ]
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
    parts = [f"# {_plain(state.title or UNTITLED)}", f"> {header(state)}"]
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
    card = verdict_view(verdict, labels)
    yield _table(card)
    yield verdict.get("reasoning", "")
    for title, lines in _findings(card):
        yield "\n".join([f"### {title}", "", *(f"- {_plain(line)}" for line in lines)]) if lines else ""


_MET = {True: "met", False: "not met", None: "not checked"}


def _table(card: Json) -> str:
    """Give the criteria by candidates, with the scores below."""
    columns = card["columns"]
    if not columns:
        return ""
    rows = [["Criterion", *(column["answer_label"] for column in columns)], ["---"] * (len(columns) + 1)]
    rows += [[row["criterion"], *(_MET[cell["met"]] for cell in row["cells"])] for row in card["rows"]]
    rows.append(["Score", *(percent(column["score"]) for column in columns)])
    return "\n".join("| " + " | ".join(_plain(cell) for cell in row) + " |" for row in rows)


def _findings(card: Json) -> Iterator[tuple[str, list[str]]]:
    yield "They agree", card["consensus"]
    yield (
        "They contradict each other",
        [f"{c['topic']}: {s['label']}: {s['stance']}" for c in card["contradictions"] for s in c["stances"]],
    )
    yield "Only one saw it", [f"{each['label']}: {each['insight']}" for each in card["unique_insights"]]
    yield (
        "Some covered it",
        [f"{', '.join(each['labels'])}: {each['point']}" for each in card["partial_coverage"]],
    )
    yield "None of them saw it", card["blind_spots"]


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
