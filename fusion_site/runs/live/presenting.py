"""A run's state in the words and figures of its page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from fusion_site.pages.words import ending_word, was_not_asked
from fusion_site.pools.models import MAX_MEMBERS, Mode
from fusion_site.runs.flows.choose import usable_text
from fusion_site.runs.header import sentences
from fusion_site.runs.live.choosing import WAITS, WAITS_FOR_YOU, choice_view, guide_view
from fusion_site.runs.live.lens import Lens
from fusion_site.runs.live.showing import ShownText
from fusion_site.runs.live.sourcing import sourced
from fusion_site.runs.live.verdict_card import judging_view, verdict_view
from fusion_site.runs.models import State
from fusion_site.runs.parts import AnswerState, FusedState
from fusion_site.runs.picture_words import unseen_line
from fusion_site.runs.saying import AGAIN, billing_line, fuse_label, retry_line, served_line
from fusion_site.runs.state import RunState
from fusion_site.runs.thread_words import thread_lines
from fusion_site.runs.titles import UNTITLED

# What stands in the place of a preset's name where there was none.
NO_PRESET = "models that a program named"
SOURCES = {
    "best_of": "Best answer, word for word",
    "vote": "Agreed answer",
    "merge": "Merged answer",
    "debate": "Answer after the debate",
    "single": "Not fused: the only usable answer",
    "fallback": "Not judged: one answer, word for word",
    "chosen": "Chosen by hand, word for word",
}
UNMERGED = "Not merged: the best answer, word for word"


def present(
    state: RunState,
    shown: Mapping[str, ShownText],
    aspects: Mapping[int, str],
    *,
    may_act: bool,
    lens: Lens | None = None,
) -> dict[str, Any]:
    """Give what the run's templates read as `state`; `shown` holds the rendered texts by answer id, and `fused`.

    `lens` is the one through which `state` was seen, for whom is not of the team.
    """
    answers = sorted(state.answers.values(), key=lambda a: (a.round, a.member))
    labels = {a.id: a.label for a in answers}
    grounds = sentences(state)
    return {
        "lens": lens,
        "run": _run(state, may_act=may_act),
        "header": " ".join(grounds),
        "grounds": grounds,
        "answers": [
            _answer(state, a, shown[a.id], aspects.get(a.member, ""), may_act=may_act) for a in answers
        ],
        "fused": _fused(state.fused, shown.get("fused")),
        # Called by the template that shows it: most frames do not, and it would be costly ten times a second.
        "provenance": partial(_provenance, state),
        "versions": _versions(state),
        "guide": guide_view(state, may_act=may_act),
        "verdict": None if lens and not lens.verdict else _verdict(state, labels),
        "judging": judging_view(state.judging, labels) if state.judging else None,
        "rounds": sorted({a.round for a in answers}),
        "status": status_line(state),
        "thread_lines": thread_lines(state),
        "pictures": state.pictures,
        "unseen": unseen_line(state),
    }


def preset_words(name: str) -> str:
    """Give what stands in the place of a preset's name: a run of models that a program named has none."""
    return name or NO_PRESET


def source_label(fused: FusedState) -> str:
    """Say in a few words what a version is."""
    if fused.source == "fallback" and (fused.verdict or {}).get("judge"):
        return UNMERGED
    return SOURCES.get(fused.source, fused.source)


def status_line(state: RunState) -> str:
    """Say in one short sentence where the run stands, for people who hear the page."""
    if state.reopened:
        return f"{AGAIN[state.reopened]}."
    if state.waits_until:
        return "The run waits for a choice of what the fused answer keeps."
    answers = list(state.answers.values())
    done = sum(1 for a in answers if a.outcome)
    lines = {
        State.QUEUED: "Waiting to start.",
        State.ANSWERING: f"{done} of {len(answers)} answers are finished.",
        State.JUDGING: "The judge compares the answers.",
        State.FUSING: "The fused answer is being written.",
        State.SETTLING: "The fused answer is ready; late answers are still being written.",
        State.DONE: "The run is done.",
        State.FAILED: f"The run failed. {state.message}",
        State.CANCELLED: "The run was stopped.",
    }
    return lines[State(state.state)]


def _run(state: RunState, *, may_act: bool) -> dict[str, Any]:
    return {
        "id": state.id,
        "title": state.title or UNTITLED,
        "prompt": state.prompt,
        "mode": state.mode,
        "mode_label": Mode(state.mode).label,
        "state": state.state,
        "message": state.message,
        "preset_name": preset_words(state.preset_name) if state.id else "",  # a lens shows neither
        "pin": state.pinned.get("preset"),
        "rehearsal": state.rehearsal,
        "cost_usd": _spent(state),
        "cost_complete": state.cost_complete,
        "created_at": datetime.fromisoformat(state.created_at),
        "finished_at": datetime.fromisoformat(state.finished_at) if state.finished_at else None,
        "is_final": not state.is_open,
        "again": AGAIN.get(state.reopened, ""),
        "waits": state.waits_until is not None and (WAITS_FOR_YOU if may_act else WAITS),
        "may_cancel": may_act and state.is_open,
        "may_share": may_act,
        "may_repeat": bool(state.preset_name) and not state.is_open,
        "may_add": may_act and not state.is_open and _firsts(state) < MAX_MEMBERS,
        "may_follow": not state.is_open and state.fused is not None and state.fused.finished,
        "may_compare": not state.is_open and sum(bool(a.text.strip()) for a in state.answers.values()) > 1,
        "undo": _undo(state) if may_act and not state.is_open else None,
        "fuse_label": fuse_label(state) if may_act and not state.is_open else "",
    }


def _undo(state: RunState) -> dict[str, int] | None:
    """Give which version can be taken back, and which is shown then; None where nobody chose the newest by hand."""
    whole = [number for number, fused in sorted(state.fusions.items()) if fused.finished]
    fused = state.fused
    if fused is None or fused.source != "chosen" or len(whole) < 2:
        return None
    return {"version": fused.version, "back_to": whole[-2]}


def _firsts(state: RunState) -> int:
    return sum(not answer.round for answer in state.answers.values())


def _answer(
    state: RunState, answer: AnswerState, text: ShownText, aspect: str, *, may_act: bool
) -> dict[str, Any]:
    fused = state.fused
    retry = answer.retry or {}
    return {
        **{name: getattr(answer, name) for name in _PLAIN},
        "aspect": aspect,
        "cost_usd": _decimal(answer.cost_usd),
        "ended": ending_word(answer.outcome, answer.error),
        "was_asked": not was_not_asked(answer.error),
        "retry_line": retry_line(answer.retry),
        "served": served_line(answer),
        "billing": billing_line(answer),
        "retry_message": retry.get("error", {}).get("message", ""),
        "winner_word": _winner_word(state.shown_verdict, answer),
        "is_blind": bool(state.pictures) and answer.member in state.unseen_by,
        "is_late": fused is not None and answer.id in fused.late,
        "may_cancel": may_act and state.is_open and not answer.outcome,
        "may_compare": not state.is_open and _is_other(fused, answer),
        "may_use": may_act and not state.is_open and _is_other(fused, answer),
        "may_retry": may_act and not state.is_open and not answer.round and answer.outcome != "complete",
        "text_id": text.place,
        "blocks": text.blocks,
        "open_html": text.open_html,
    }


def _is_other(fused: FusedState | None, answer: AnswerState) -> bool:
    """Whether this answer could stand in place of the fused one, and says something else."""
    text = usable_text(answer.round, answer.outcome, answer.text).strip()
    return fused is not None and fused.finished and bool(text) and text != fused.text.strip()


def _winner_word(verdict: Mapping[str, Any] | None, answer: AnswerState) -> str:
    """Say what the winner is: nobody but a judge calls an answer the best. Empty for all others."""
    if verdict is None or verdict.get("winner") != answer.id:
        return ""
    return "best" if verdict.get("judge") else "returned"


_PLAIN = (
    "id",
    "member",
    "round",
    "label",
    "model",
    "rehearsal",
    "outcome",
    "status",
    "place",
    "error",
    "unconfirmed",
    "attempt",
    "usage",
    "first_token_ms",
    "total_ms",
    "reasoning",
    "served_model",
    "provider",
)


def _fused(fused: FusedState | None, text: ShownText | None) -> dict[str, Any] | None:
    if fused is None or text is None:
        return None
    return {
        "version": fused.version,
        "source": fused.source,
        "source_label": source_label(fused),
        "finished": fused.finished,
        "choice": choice_view(fused.guidance),
        "text": fused.text,
        "blocks": text.blocks,
        "open_html": text.open_html,
    }


def _verdict(state: RunState, labels: Mapping[str, str]) -> dict[str, Any] | None:
    """Give the verdict that is shown, and the version whose judging can be read."""
    verdict = state.shown_verdict
    if verdict is None:
        return None
    fused = state.fused
    is_its_own = fused is not None and fused.verdict == verdict
    newest = fused.version if fused and is_its_own else max(state.fusions, default=0) + 1
    return {**verdict_view(verdict, labels), "version": newest}


def _provenance(state: RunState) -> dict[str, Any] | None:
    fused = state.fused
    return sourced(fused.text, fused.provenance, state.answers) if fused else None


def _versions(state: RunState) -> list[dict[str, Any]]:
    """Give the whole versions of the fused answer, where there are several; the one that is shown is marked."""
    shown = state.fused.version if state.fused else None
    whole = [number for number, fused in sorted(state.fusions.items()) if fused.finished]
    return [{"number": n, "is_shown": n == shown} for n in whole] if len(whole) > 1 else []


def _spent(state: RunState) -> Decimal | None:
    """Give what is known of the cost; "at least nothing" says no more than "unknown"."""
    spent = _decimal(state.cost_usd)
    return spent if spent or state.cost_complete else None


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
