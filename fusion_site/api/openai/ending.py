"""How a run ended, for a program: its answer with its grounds and figures, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fusion_site.api.openai.refusals import SERVER_ERROR, Refused
from fusion_site.api.openai.telling import first_fused
from fusion_site.engine.fusing import NOTHING_USABLE
from fusion_site.engine.returning import CUT_SHORT
from fusion_site.ops.querying import snapshot
from fusion_site.runs.header import header, sentences
from fusion_site.runs.loading import state_of
from fusion_site.runs.models import Run, State
from fusion_site.runs.parts import AnswerState, FusedState
from fusion_site.runs.reading import answer_json
from fusion_site.runs.state import RunState
from fusion_site.runs.tokens import Tokens, tokens_of

_TOLD_OF_AN_ANSWER = ("id", "member", "label", "model", "round", "outcome", "error", "usage", "cost_usd")


@dataclass(frozen=True)
class Ending:
    """A run with a whole fused answer. `fusion` is what goes beside what the OpenAI API has."""

    text: str
    is_cut: bool
    tokens: Tokens
    fusion: dict[str, Any]
    state: RunState


def ending_of(run_id: str, url: str) -> Ending:
    """Give how the run ended, read as of one moment. Raises Refused, with all that is known, where it has no answer."""
    with snapshot():
        run = Run.every.get(pk=run_id)
        state, tokens = state_of(run), tokens_of(run)
    fused = first_fused(state)
    fusion = _fusion(state, fused, tokens, url)
    if fused is None or not fused.finished:
        raise _without_answer(state, fusion)
    return Ending(fused.text, CUT_SHORT in fused.note, tokens, fusion, state)


def _fusion(state: RunState, fused: FusedState | None, tokens: Tokens, url: str) -> dict[str, Any]:
    """Give `fusion`: DESIGN section 10, and whether the figures are all that the run has spent."""
    answers = sorted(state.answers.values(), key=lambda answer: (answer.round, answer.member))
    whole = fused if fused and fused.finished else None
    return {
        "run": state.id,
        "url": url,
        "source": whole.source if whole else None,
        "answers": [_told(answer) for answer in answers],
        "verdict": whole.verdict if whole else state.verdict,
        "cost_usd": state.cost_usd,
        "cost_complete": state.cost_complete,
        "usage_complete": tokens.is_complete,
        "header": header(state, whole),
    }


def _told(answer: AnswerState) -> dict[str, Any]:
    """Give how a member fared; its text is read from the run."""
    whole = answer_json(answer)
    return {name: whole[name] for name in _TOLD_OF_AN_ANSWER}


def _without_answer(state: RunState, fusion: dict[str, Any]) -> Refused:
    """Say why there is none. Asking again would pay for the same run once more, and so is not for a client to decide."""
    if state.state == State.CANCELLED:
        message = "The run was stopped before it had an answer."
        return Refused(409, message, code="run_cancelled", fusion=fusion, may_retry=False)
    failed, code = (502, "all_members_failed") if state.message == NOTHING_USABLE else (500, "run_failed")
    message = " ".join(sentences(state))
    return Refused(failed, message, kind=SERVER_ERROR, code=code, fusion=fusion, may_retry=False)
